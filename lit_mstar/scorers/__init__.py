"""The seam to reward models: whoever gives each step of a response a number.

To be read in this order: `base` (the seam), `rank_scoring` (a run's rollouts on all ranks), then others' models, shown
chains by `format` and `presets`: `shown` (a chain as tokens), `prefix` (N chains at once), `model_scorer` (what both
kinds share), `token_pair` and `token_class`; `generative` with `verdicts` (verdicts in words), `command` (a process of
its own). Ours is `modules.prm`.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
