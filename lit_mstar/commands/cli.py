"""The Lightning CLI: `fit`, `validate`, `test`, `predict`, and `annotate` as one more subcommand."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from jsonargparse.typing import PositiveInt
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException
from transformers.utils.logging import disable_progress_bar

from lit_mstar.commands.claim import Claim, place
from lit_mstar.commands.stage import finish_stage, write_summary
from lit_mstar.commands.tested import point_at, unpointed
from lit_mstar.front.recipe import MODE
from lit_mstar.loggers.hyperparameters import LoggedConfig
from lit_mstar.step_labels.parquet import label_figures
from lit_mstar.terminal.output import Verbosity
from lit_mstar.training.peers import Watch
from lit_mstar.training.resume import require_readable
from lit_mstar.training.trainer import MStarTrainer


class MStarCLI(LightningCLI):
    """`LightningCLI` in subclass mode; after `fit` it tests, exports and sums up what validation chose."""

    def __init__(
        self,
        watch: Watch | None = None,
        claim: Claim | None = None,
        verbosity: Verbosity = "normal",
        asked: str | None = None,
        **options: Any,
    ) -> None:
        self.asked = asked
        self.watch = watch
        self.claim = claim
        self.quiet = verbosity == "quiet"
        self.started = time.monotonic()
        super().__init__(
            LightningModule,
            LightningDataModule,
            trainer_class=MStarTrainer,
            trainer_defaults={"enable_model_summary": verbosity == "verbose"},
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            seed_everything_default=0,
            save_config_callback=LoggedConfig,
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
        parser.add_argument(
            "--out",
            type=str | None,
            help="Folder for all that the command writes: checkpoints, events, config, rollouts, model. By default "
            "trainer.default_root_dir; what measures a run that is there gets a folder of its own in it.",
        )
        parser.add_argument(
            "--overwrite",
            type=bool,
            default=False,
            help="Begin anew in a folder that holds a run, which is moved aside (fit only).",
        )

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Makes a parser that reads configs as parts of a recipe, and raises what it does not understand."""
        return super().init_parser(**{"parser_mode": MODE, "exit_on_error": False, "allow_abbrev": False} | kwargs)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Each subcommand with the arguments that are not options of its own; only the one that is asked for.

        The parser of each takes a tenth of a second to make.
        """
        shared = {"model", "dataloaders", "datamodule"}
        every = {
            "fit": {"model", "train_dataloaders", "val_dataloaders", "datamodule"},
            "validate": shared,
            "test": shared,
            "predict": shared,
            "annotate": shared,
        }
        return {self.asked: every[self.asked]} if self.asked else every

    def before_instantiate_classes(self) -> None:
        """Sets the number of threads; a bar for every model file would hide the training's."""
        given = self._get(self.config, "weights_only", default=True)
        if given is None and self.subcommand:  # Lightning's default would unpickle what it fetches by HTTP
            self.config[self.subcommand]["weights_only"] = True
        if self.subcommand:
            self._settle(self.config[self.subcommand], self.subcommand)
        disable_progress_bar()  # type: ignore[no-untyped-call]
        torch.set_num_threads(self._get(self.config, "threads"))

    def _settle(self, config: Namespace, subcommand: str) -> None:
        """Which model, which folder; only the main process claims it."""
        if subcommand in ("validate", "test", "predict"):
            if not config.ckpt_path and config.model.init_args.get("backbone") is not None:
                warnings.warn(unpointed(config), stacklevel=2)
            point_at(config)
        if (given := config.get("ckpt_path")) and Path(given).exists():
            require_readable(Path(given))
        if self.quiet:
            config.trainer.enable_progress_bar = False
        place(config, subcommand, config.out)
        config.out = None  # it stands in trainer.default_root_dir now
        if self.claim and subcommand == "fit" and rank_zero_only.rank == 0 and not config.trainer.fast_dev_run:  # type: ignore[attr-defined]
            folder = Path(config.trainer.default_root_dir or ".")
            self.claim.take(folder, _resumes(config.ckpt_path, folder), config.overwrite)
        config.overwrite = False

    def _parse_ckpt_path(self) -> None:
        """Lightning would let a checkpoint's hyperparameters overrule the config, and so name any class.

        Our modules save none; a checkpoint gives weights and state, and nothing else.
        """

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Makes the trainer, whose other processes are watched."""
        trainer = super().instantiate_trainer(**kwargs)
        if self.watch:
            self.watch.attach(trainer)
        return trainer

    def after_fit(self) -> None:
        """Leaves `model/` and `summary.json` behind, unless a SIGTERM came in the last moments of `fit`."""
        if self.trainer.received_sigterm:
            raise SIGTERMException
        finish_stage(self.trainer, self.model, self.datamodule, self.started)

    def after_annotate(self) -> None:
        """Leaves `summary.json` behind."""
        figures = label_figures(self.model.folder) if self.trainer.is_global_zero else {}
        write_summary(self.trainer, self.started, figures)


def _resumes(checkpoint: Any, folder: Path) -> bool:
    """Whether a run goes on with what is in its folder: from its newest checkpoint, or one that it names."""
    if not checkpoint or checkpoint in ("best", "hpc"):
        return bool(checkpoint)
    return checkpoint == "last" or folder.resolve() in Path(checkpoint).resolve().parents
