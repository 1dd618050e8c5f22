"""What a page says of all responses: numbers, charts, costs, provenance.

To be read in this order: `headline` (the numbers at the top), `chart` (what charts have in common), `progress`,
`searched`, `rewarded` and `chains` (the charts), `costs` (time and tokens), `provenance`.
"""
