"""A SIGTERM that ends training leaves a checkpoint of the very step it came at."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loops.evaluation_loop import RestartStage
from lightning.pytorch.loops.loop import _Loop
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_mstar.hooks import EvolutionCallback
from lit_mstar.rollouts.nouns import Iteration
from lit_mstar.training.resume import PREEMPTED, checkpoint_folders
from lit_mstar.training.signals import agree, signals_of


class SaveWhenPreempted(EvolutionCallback):
    """Writes `preempted.ckpt` beside the other checkpoints when SIGTERM ends training, and mends what resuming breaks.

    Lightning takes a checkpoint of an epoch's last batch for one of a finished epoch: without validation, and with an
    epoch fewer to go. So a checkpoint remembers whether its batch was validated, and if not, that is made up for.
    """

    def __init__(self) -> None:
        self.validated = False  # whether validation has run since the last training batch
        self._sampling = False
        self._to_validate = False

    def on_sampling_start(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """From here, ranks no longer go in step; and what is sampled is kept elsewhere."""
        self._sampling = True
        signals_of(trainer).agreed = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sampling is over."""
        self._sampling = False

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Sampling is over; what was validated is about to change."""
        self._sampling = self.validated = False

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Lightning looks for a SIGTERM after this hook, on each rank by itself."""
        agree(trainer)

    on_validation_batch_end = on_train_epoch_end = on_train_batch_end  # type: ignore[assignment]

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Before checkpoint callbacks, which come last, save."""
        self.validated = not trainer.sanity_checking

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Saves if training was stopped where it can go on."""
        folders = checkpoint_folders(trainer)
        if isinstance(exception, SIGTERMException) and folders and self._can_save(trainer):
            trainer.save_checkpoint(folders[0] / PREEMPTED)

    def _can_save(self, trainer: Trainer) -> bool:
        if self._sampling or trainer.sanity_checking or trainer.fast_dev_run or trainer.state.fn != TrainerFn.FITTING:  # type: ignore[attr-defined]
            return False
        if trainer.world_size > 1 and not signals_of(trainer).agreed:
            return False  # saving is a common operation, and the others may be anywhere
        loop: Any = trainer.fit_loop
        epoch, batch = loop.epoch_progress.current, loop.epoch_loop.batch_progress.current
        within = epoch.started == epoch.processed + 1 and 0 < batch.ready == batch.completed
        between = 0 < epoch.started == epoch.completed  # not while an epoch's end is under way
        return bool(within or between)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Removes the checkpoint when training has ended: the others are newer, or as good."""
        for folder in checkpoint_folders(trainer) if stage == "fit" and trainer.is_global_zero else []:
            if (file := folder / PREEMPTED).exists():
                trainer.strategy.remove_checkpoint(file)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint says of the step it was written at."""
        return {"validated": self.validated}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Mends the progress in a checkpoint before Lightning's loops read it."""
        if trainer.state.fn != TrainerFn.FITTING or "loops" not in checkpoint:
            return
        loops = checkpoint["loops"]["fit_loop"]
        epoch, batches = loops["epoch_progress"]["current"], loops["epoch_loop.batch_progress"]
        if epoch["processed"] == trainer.max_epochs:
            trainer.limit_train_batches = 0  # or else the data of one more epoch would be made, which no one trains on
        if epoch["started"] != epoch["processed"] + 1:
            return
        current, total = batches["current"], batches["total"]
        if batches["is_last_batch"] and current["completed"] == current["processed"] - 1:
            current["completed"] += 1
            total["completed"] += 1
        state = checkpoint["callbacks"].get(self.state_key, {})
        self._to_validate = not state.get("validated", True)
        if self._to_validate:
            progress = loops["epoch_loop.val_loop.batch_progress"]
            for counts in (progress["total"], progress["current"]):
                counts.update(dict.fromkeys(counts, 0))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validates as if validation had been broken off, which Lightning goes on with, before its first batch."""
        if self._to_validate:
            validation: _Loop = trainer.fit_loop.epoch_loop.val_loop
            validation._restart_stage = RestartStage.RESTARTED_MID_EVALUATION  # type: ignore[attr-defined]
        self._to_validate = False
