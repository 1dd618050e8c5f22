"""A run, or several, as one page that needs nothing else: numbers, charts, a browser of problems, provenance.

To be read in this order: `command`, `single` (a run's page) and `comparison` (that of several), `page` (how it is
rendered), `run` (what a folder holds), `source` (the problems themselves), `tally` (one pass over all responses),
`sample` (the problems that are shown), `flags` (what is worth a look), `rows` and `thumbnails` (what the browser gets),
`headline`, `chart` (what charts have in common), `progress`, `searched`, `rewarded` and `chains` (the charts), `costs`
(time and tokens), `provenance`, `watch` (a run that goes on).
"""
