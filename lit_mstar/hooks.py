"""The seam that callbacks plug into: a Lightning callback with three more hooks."""

from __future__ import annotations

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_mstar.rollouts.nouns import Iteration


class EvolutionCallback(Callback):
    """A Lightning `Callback` that also sees what is sampled.

    The hooks are called by `SelfEvolvingDataModule`, on every rank, in the order of the callbacks. Those for
    sampling run within `train_dataloader()`, where Lightning's `log` is not allowed: put what you measure in
    `iteration.metrics`, which is logged and written to the ledger when the iteration ends.
    """

    def on_sampling_start(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Before sampling: may replace `iteration.sampling` or add to `iteration.problems`."""

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """After sampling, with answers marked: may score responses and change what is selected.

        Called for training (`iteration.split == "train"`) and for rollouts that a callback sampled to measure
        ("validate"), so that whoever scores responses scores both.
        """

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """After training and validation, before the checkpoint is saved."""


def call_hook(trainer: Trainer, name: str, iteration: Iteration) -> None:
    """Calls one of the hooks above on every callback that has it."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, EvolutionCallback):
            getattr(callback, name)(trainer, trainer.lightning_module, iteration)
