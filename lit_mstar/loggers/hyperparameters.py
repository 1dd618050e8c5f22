"""A run's config as a flat table of hyperparameters, for loggers that compare runs by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger

from lit_mstar.front.changes import leaves

_SHOWN = ("seed_everything", "model", "data", "trainer")
_LONGEST = 200  # characters of a value that are told, ours


class LoggedConfig(SaveConfigCallback):
    """Saves `config.yaml` as Lightning does, and tells the loggers what decides a result."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Logs the hyperparameters; once, as the main process's loggers write only there."""
        if stage == "fit":
            for logger in trainer.loggers:
                logger.log_hyperparams(hyperparameters(self.config.as_dict()))


def hyperparameters(config: Mapping[str, Any]) -> dict[str, int | float | str | bool]:
    """Every number, name and switch of a config that decides its result: `model.optimizer.lr`."""
    shown = {name: config[name] for name in _SHOWN if name in config}
    return {
        ".".join(path): value[:_LONGEST] if isinstance(value, str) else value
        for path, value in leaves(shown)
        if isinstance(value, (int, float, str, bool))
    }


def log_result(trainer: Trainer, accuracy: float) -> None:
    """Tells TensorBoard's table of hyperparameters what came of them, as Lightning's `hp_metric`."""
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_metrics({"hp_metric": accuracy}, step=trainer.global_step)
