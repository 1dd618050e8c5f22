"""What the command line does; `lit_mstar.__main__` chooses.

To be read in this order: `cli` (fit, validate, test, predict, annotate), `lightning` (one of them as a process),
`claim` (the folder it works in), `tested` (what is measured), `stage` (how a stage ends), `run` (the stages of a
recipe), `stage_run` (one of them), `children` (several processes), `pointless` (when to stop), `summary` (what came of
it), `instantiate` (what a config describes), `regrade`, `scorer`, `convert`, `serve`.
"""
