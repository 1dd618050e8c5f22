"""The LightningModules: the policy and the process reward model.

To be read in this order: `policy`, `prm`, `base` (what they share), `likelihood` (the policy's loss), `gradients` (one
optimizer step over all ranks), `chain_scores` (how a PRM scores), `step_loss` (what it learns), `step_metrics` and
`calibration` (how good it is, and at its word), `scorer` (what a config may name as one), `ray_scorer` (replicas of
one), `tested` (what a policy answered), `benchmark` and `scorer_module` (a policy or a scorer to be measured),
`schedules` (its rate), `checkpoints` (what fits one).
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)  # names: `__init__.pyi`
