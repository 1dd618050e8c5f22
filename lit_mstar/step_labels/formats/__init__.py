"""Other people's labelled steps: how their rows are read.

To be read in this order: `rows` (of files), `fields` (what rows have in common), one file for each format (`trl`,
`visualprm`, `mm_prm`, `process_bench`), `reading` (whichever a file has).
"""
