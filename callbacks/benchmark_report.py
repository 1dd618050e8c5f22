"""The end of a benchmark: scores what was answered and prints the tables."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_mstar.data.benchmarks import BenchmarkDataModule


class BenchmarkReport(Callback):
    """Writes `results.json` and `results.md` into the model's results, and the config that gave them.

    Args:
        show: Print the tables, too.
    """

    def __init__(self, show: bool = True) -> None:
        self.show = show

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Scores on one rank: nothing is computed that takes a device."""
        if not trainer.is_global_zero:
            return
        data = cast(BenchmarkDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        text = data.score(data.home)
        config = Path(trainer.default_root_dir) / "config.yaml"
        if config.is_file():  # the last test's; each model keeps its own, by which it can be scored again
            shutil.copy(config, data.home / config.name)
        if self.show:
            print(f"\n{text}\n\n{data.home / 'results.md'}")
