"""Learning-rate schedules: the paper's constant rate with a warmup and a decay, in steps or in shares of a run."""

from __future__ import annotations

from lightning.pytorch import Trainer
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


class RunSchedule(LambdaLR):
    """The same in shares of the whole run, so that it fits data of any size: the module tells it how far the run is.

    Args:
        optimizer: Its learning rate is the constant.
        warmup: Share of the run in which the rate rises linearly from a tenth of it (ours).
        decay: Share of the run in which it falls linearly at the end; 0 keeps it constant, as in the paper.
        final: Share of the rate that is left at the end.

    Raises:
        ValueError: If shares are not in [0, 1], or more than 1 together.
    """

    def __init__(self, optimizer: Optimizer, warmup: float = 0.03, decay: float = 0.0, final: float = 0.0) -> None:
        if not (0 <= warmup <= 1 and 0 <= decay <= 1 and 0 <= final <= 1 and warmup + decay <= 1):
            raise ValueError(
                f"RunSchedule has warmup {warmup}, decay {decay} and final {final}; they must be shares in [0, 1], and "
                "the first two not more than 1 together."
            )
        self.warmup = warmup
        self.decay = decay
        self.final = final
        self.progress = 0.0  # of the run, in [0, 1]; kept in checkpoints
        super().__init__(optimizer, lambda _: self._share())

    def _share(self) -> float:
        rising = min(1.0, 0.1 + 0.9 * self.progress / self.warmup) if self.warmup else 1.0
        fallen = max(0.0, self.progress - (1 - self.decay)) / self.decay if self.decay else 0.0
        return rising * (1 - min(1.0, fallen) * (1 - self.final))


def run_progress(trainer: Trainer) -> float:
    """How far a run is when the next optimizer step ends, in [0, 1]: by `max_steps`, else by epochs and batches.

    Epochs may be of unequal length, as iterations are: each is the same share of the run.
    """
    if trainer.max_steps > 0:
        return min(1.0, (trainer.global_step + 1) / trainer.max_steps)
    batches = float(trainer.num_training_batches)
    within = (trainer.fit_loop.batch_idx + 1 + trainer.accumulate_grad_batches) / max(1.0, batches)
    epochs = trainer.max_epochs or 0
    return min(1.0, (trainer.current_epoch + min(1.0, within)) / epochs) if epochs > 0 else 0.0
