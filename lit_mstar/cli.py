"""The Lightning CLI: `fit`, `validate`, `test`, `predict`, and `annotate` as one more subcommand."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
from jsonargparse.typing import PositiveInt
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from transformers.utils.logging import disable_progress_bar

from lit_mstar.stage import finish_stage, write_summary


class MStarTrainer(Trainer):
    """A `Trainer` with one more entry point."""

    def annotate(self, model: LightningModule, datamodule: LightningDataModule) -> None:
        """Write Monte-Carlo step labels for the process reward model: the predict loop of a `StepAnnotator`."""
        self.predict(model, datamodule=datamodule, return_predictions=False)


class MStarCLI(LightningCLI):
    """`LightningCLI` in subclass mode; after `fit` it tests, exports and sums up what validation chose."""

    def __init__(self, **options: Any) -> None:
        self.started = time.monotonic()
        super().__init__(
            LightningModule,
            LightningDataModule,
            trainer_class=MStarTrainer,
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            **options,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds what is neither model, data nor trainer."""
        parser.add_argument(
            "--threads",
            type=PositiveInt,
            default=1,
            help="CPU threads of this process. More than one pays off for large models on an otherwise idle CPU; "
            "several processes with more than one each slow each other down many times.",
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Each subcommand with the arguments that are not options of its own."""
        shared = {"model", "dataloaders", "datamodule"}
        return {
            "fit": {"model", "train_dataloaders", "val_dataloaders", "datamodule"},
            "validate": shared,
            "test": shared,
            "predict": shared,
            "annotate": shared,
        }

    def before_instantiate_classes(self) -> None:
        """Sets the number of threads; a bar for every model file would hide the training's."""
        disable_progress_bar()  # type: ignore[no-untyped-call]
        torch.set_num_threads(self._get(self.config, "threads"))

    def after_fit(self) -> None:
        """Leaves `model/` and `summary.json` behind."""
        finish_stage(self.trainer, self.model, self.datamodule, self.started)

    def after_annotate(self) -> None:
        """Leaves `summary.json` behind."""
        write_summary(self.trainer, self.started, {})


def main(args: list[str]) -> None:
    """Runs one subcommand; classes in the current directory can be named in configs."""
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # last, so that a file there never hides an installed package
    sys.argv[1:] = args  # LightningCLI warns where its arguments differ from the process's
    cli = MStarCLI()
    if sampler := getattr(cli.model, "sampler", None):
        sampler.close()
