"""The trainer of all stages: Lightning's, made to survive interruptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar

from lit_mstar.terminal.display import Display
from lit_mstar.training.callback_checks import check_hooks
from lit_mstar.training.preemption import SaveWhenPreempted
from lit_mstar.training.resume import resume_point
from lit_mstar.training.signals import Signals


class MStarTrainer(Trainer):
    """A `Trainer` that annotates, too, shows all phases, and goes on only from a checkpoint that is whole."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["callbacks"] = _with_display(kwargs)
        check_hooks(kwargs["callbacks"])
        super().__init__(*args, **kwargs)
        self._signal_connector: Signals = Signals(self)
        if not self.barebones:
            self.callbacks.insert(0, SaveWhenPreempted())  # type: ignore[attr-defined]  # before those that save

    @property
    def received_sigterm(self) -> bool:
        """Whether to stop for a SIGTERM now: not between batches whose gradients are still being summed up."""
        signals = self._signal_connector
        told = signals.received_sigterm if signals.agreed is None else signals.agreed
        return told and not self.fit_loop._should_accumulate()

    def fit(
        self,
        model: LightningModule,
        train_dataloaders: Any = None,
        val_dataloaders: Any = None,
        datamodule: LightningDataModule | None = None,
        ckpt_path: str | Path | None = None,
        weights_only: bool | None = None,
    ) -> None:
        """As `Trainer.fit`; `ckpt_path="last"` is the newest checkpoint that is whole, or none if there is none."""
        found = resume_point(self) if ckpt_path == "last" else ckpt_path
        super().fit(model, train_dataloaders, val_dataloaders, datamodule, found, weights_only)

    def annotate(self, model: LightningModule, datamodule: LightningDataModule) -> None:
        """Write Monte-Carlo step labels for the process reward model: the predict loop of a `StepAnnotator`."""
        self.predict(model, datamodule=datamodule, return_predictions=False)


def _with_display(options: dict[str, Any]) -> list[Any]:
    """A trainer's callbacks, and the display where a progress bar is wanted and none of another kind among them."""
    given = options.get("callbacks") or []
    callbacks = list(given) if isinstance(given, (list, tuple)) else [given]
    wanted = options.get("enable_progress_bar") is not False and not options.get("barebones")
    shown = any(isinstance(callback, ProgressBar) for callback in callbacks)
    return [*callbacks, Display()] if wanted and not shown else callbacks
