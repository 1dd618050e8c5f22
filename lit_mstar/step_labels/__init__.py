"""Where a reward model's labels come from.

To be read in this order: `monte_carlo` (labels by sampling on) with `drawing` (when there are enough completions) and
`chain` (where they go on from), `labelling` (problems with an engine, wherever that is), `annotator` (a stage that
makes them), `parquet` (how they lie on disk), the room `formats` (other people's), `refresh` (labels and steps for a
PRM that keeps up with the policy) with `honesty` (whether it is still to be trusted), `training` (those steps).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
