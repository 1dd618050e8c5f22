"""What responses are worth, and which to keep.

To be read in this order: `aggregation` (step scores to one), `selection` (which to learn from), `estimators` (Pass@K
and its kin as functions of tensors), `metrics` (the same for torchmetrics), `balance` (what a temperature is worth),
`racing` (which is worth most, from few problems), then what is measured of a run: `rollout_metrics`, `verification` (a
reward as verifier), `reranking` (as reranker).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
