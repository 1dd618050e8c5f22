"""A run, or several, as one page that needs nothing else: numbers, charts, a browser of problems, provenance.

To be read in this order: `command`, `single` (a run's page) and `comparison` (that of several), `page` (how it is
rendered), `run` (what a folder holds), `source` (the problems themselves), `tally` (one pass over all responses), then
what a page is made of, `sections/` and `browser/`; `watch` (a run that goes on).
"""
