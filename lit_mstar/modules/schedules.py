"""The paper's learning-rate schedule: a constant rate, here after a linear warmup."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


class WarmupConstant(LambdaLR):
    """Rises linearly to the optimizer's rate, stays there, and may fall linearly at the end.

    Args:
        optimizer: Its learning rate is the constant.
        warmup_steps: Optimizer steps until the full rate (the default is ours).
        decay_start: Step at which the rate begins to fall; None keeps it constant, as in the paper.
        decay_steps: Steps from there until `final` is reached.
        final: Share of the rate that is left at the end.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_steps: int = 0,
        decay_start: int | None = None,
        decay_steps: int = 1,
        final: float = 0.0,
    ) -> None:
        def share(step: int) -> float:
            rising = min(1.0, (step + 1) / (warmup_steps + 1))
            if decay_start is None:
                return rising
            fallen = min(1.0, max(0.0, (step - decay_start) / decay_steps))
            return rising * (1 - fallen * (1 - final))

        super().__init__(optimizer, share)
