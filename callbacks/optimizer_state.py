"""What an iteration's optimizer starts from: the state at the end of the iteration before, or none."""

from __future__ import annotations

from typing import Literal

from lightning.pytorch import Callback, LightningModule, Trainer


class OptimizerState(Callback):
    """Chooses whether optimizer and learning-rate schedule go on from iteration to iteration.

    In the paper, Continuous Self-Evolving keeps both; Iterative RFT and ReST-EM begin them anew at each iteration (see
    `StartingWeights` for the table of training methods). The trainer's count of steps goes on either way.

    Args:
        state: "keep" goes on; "reset" makes optimizer and schedule anew before each iteration is trained.

    Raises:
        ValueError: If `state` is neither.
    """

    def __init__(self, state: Literal["keep", "reset"] = "keep") -> None:
        if state not in ("keep", "reset"):
            raise ValueError(f'OptimizerState.state is "{state}"; it must be "keep" or "reset".')
        self.state = state

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins anew; Lightning does not call this where an epoch is resumed in its midst."""
        if self.state == "keep":
            return
        for optimizer in trainer.optimizers:
            # It and its schedule refer to each other: without this, the memory would wait for the garbage collector.
            optimizer.state.clear()
        trainer.strategy.setup_optimizers(trainer)
