"""What the command line does; `lit_mstar.__main__` chooses.

To be read in this order: `lightning` (fit, validate, test, predict, annotate), `recipe`
(what configs refer to), `tested` (what is measured), `stage` (how a stage ends), `run` (the
stages of a recipe), `stage_run` (one of them as a process), `children` (several of them), `regrade`, `convert`,
`serve`.
"""
