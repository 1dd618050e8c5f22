"""The end of a stage: test what validation chose, export it, write `summary.json`."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from lightning.pytorch import LightningDataModule, Trainer

from lit_mstar.files import atomic
from lit_mstar.loggers.hyperparameters import log_result
from lit_mstar.modules.checkpoints import load_weights
from lit_mstar.modules.tested import TESTED


def finish_stage(trainer: Trainer, model: Any, data: LightningDataModule, started: float) -> None:
    """Takes the best checkpoint by validation, tests it and writes `model/` and `summary.json`; all ranks call it.

    Args:
        trainer: After `fit`.
        model: `PolicyModule`, `ProcessRewardModule`, or another LightningModule with `save(folder)`; all ranks but
            one call it with None.
        data: Tested only if it has test data, and `limit_test_batches` leaves some.
        started: `time.monotonic()` when the stage began.
    """
    if trainer.fast_dev_run or trainer.interrupted:  # type: ignore[attr-defined]
        return
    best = getattr(trainer.checkpoint_callback, "best_model_path", "")
    if best:
        load_weights(model, Path(best))
    metrics = _tested(trainer, model, data) if data.test_dataloader() else {}
    folder = Path(trainer.default_root_dir) / "model"
    with atomic(folder) if trainer.is_global_zero else nullcontext() as partial:
        model.save(partial)  # all ranks take part: each may have a part of the weights
    if "test/accuracy" in metrics:
        log_result(trainer, metrics["test/accuracy"])
    results = {
        name.replace("test/accuracy", "test_accuracy").removeprefix("test/"): value for name, value in metrics.items()
    }
    write_summary(trainer, started, {"checkpoint": best, **results})


def _tested(trainer: Trainer, model: Any, data: LightningDataModule) -> dict[str, float]:
    """The test's figures and, of a policy, how many problems they are over; nothing under `limit_test_batches: 0`."""
    loaders = trainer.test(model, datamodule=data, verbose=False)  # a dict each; none where there is nothing to run
    metrics = {name: value for loader in loaders for name, value in loader.items()}
    file = Path(trainer.default_root_dir) / TESTED
    if metrics and trainer.is_global_zero and file.is_file():
        metrics["test_problems"] = pq.read_metadata(file).num_rows
    return metrics


def write_summary(trainer: Trainer, started: float, results: dict[str, Any]) -> None:
    """Writes `summary.json` into the stage's folder; its presence says that the stage is complete."""
    if trainer.is_global_zero:
        summary = {"seconds": round(time.monotonic() - started, 1), "device": device(trainer), **results}
        with atomic(Path(trainer.default_root_dir) / "summary.json") as partial:
            partial.write_text(json.dumps(summary, indent=1))


def device(trainer: Trainer) -> str:
    """What a run ran on, for people: "2 × NVIDIA H100 80GB HBM3", "1 CPU process"."""
    root, number = trainer.strategy.root_device, trainer.world_size
    if root.type == "cuda":
        return f"{number} × {torch.cuda.get_device_name(root)}"
    return f"{number} {root.type.upper()} {'process' if number == 1 else 'processes'}"
