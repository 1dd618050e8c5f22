"""Benchmarks: what is right by their own rules, figures with intervals, and two models in comparison.

To be read in this order: `rules` (the official ones) with `asked_extractor`, `scoring` (which rule, rows and groups),
`graded` (what became of problems), `intervals`, `figures`, `results` (the folder), `tables` with `published` (others'
figures), `kept` (from responses to results), `step_figures` and `step_tables` (verdicts on
steps), `scorer_comparison`, `comparison`, `command`.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
