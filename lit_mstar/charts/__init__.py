"""Charts of what a run measured, for a page and for loggers alike: one look, one place that says what each means.

To be read in this order: `theme` (colours, and a chart as SVG that follows a page's), `labels` (names beside lines,
none over another), `curves` (over iterations), `searches` (a temperature search), `rewards` (scores against the truth),
`followed` (a problem with its responses).
"""
