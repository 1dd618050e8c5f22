"""Steps with labels, for the process reward model: what `lit-mstar annotate` wrote, or others have published."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import rank_zero_warn
from torch.utils.data import DataLoader

from lit_mstar.data.loaders import filled_up, own_random, training_loader
from lit_mstar.encoding.encoder import Batch, Encoder
from lit_mstar.encoding.step_encoding import StepExample, collate_steps
from lit_mstar.files import missing_input
from lit_mstar.modules.step_loss import Labels, weighed
from lit_mstar.rollouts.images import image_size
from lit_mstar.step_labels.formats.reading import Reading, split_of, step_files
from lit_mstar.step_labels.parquet import is_ours, read_steps


class StepwiseDataModule(LightningDataModule):
    """Serves labelled chains of steps.

    Args:
        folder: What `lit-mstar annotate` wrote, Parquet files whose rows name their split; or a file or a folder in the
            format of TRL, VisualPRM400K (raw or conversations), MM-PRM, VisualProcessBench or ProcessBench (JSON Lines,
            JSON, Parquet), told by its fields. Files called train…, valid… and test… are these splits.
        batch_size: Chains per batch on each rank.
        num_workers: Processes that prepare training batches; 0 prepares them in the trainer's own.
        image_root: The folder that images named by their paths may come from; `folder` by default. What `annotate`
            writes holds the images themselves.
        held_out: Share of the problems, in [0, 0.5), that validate, and as many that test, where nothing says what is
            for what (ours); all chains of a problem stay together.
        on_bad_row: "skip" leaves out rows of others that cannot be used, and says how many and why.
        most_bad: The largest share of them (ours).
        learn: "labels", as they were measured; or "truth", whether each step is true, where the source of the problems
            could tell: what better labels could bring at most (for studies).

    Raises:
        ValueError: If `held_out` or `most_bad` is outside its range, or `learn` is something else; when set up, if a
            step's truth is to be learned and unknown.
    """

    trainer: Any  # attached by Lightning before any hook runs
    serves = "labelled steps"

    def __init__(
        self,
        folder: str,
        batch_size: int = 64,
        num_workers: int = 0,
        image_root: Path | None = None,
        held_out: float = 0.05,
        on_bad_row: Literal["error", "skip"] = "skip",
        most_bad: float = 0.1,
        learn: Literal["labels", "truth"] = "labels",
    ) -> None:
        super().__init__()
        if not 0 <= held_out < 0.5 or not 0 <= most_bad < 1:
            raise ValueError(
                f"StepwiseDataModule.held_out is {held_out}, most_bad {most_bad}; they must be in [0, 0.5) and [0, 1)."
            )
        if learn not in ("labels", "truth"):
            raise ValueError(f"StepwiseDataModule.learn is {learn!r}; it must be 'labels' or 'truth'.")
        self.folder = Path(folder)
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.image_root = image_root
        self.held_out = held_out
        self.on_bad_row = on_bad_row
        self.most_bad = most_bad
        self.learn = learn
        self._examples: dict[str, list[StepExample]] = {}

    def setup(self, stage: str) -> None:
        """Reads the files.

        Raises:
            ValueError: If there are none, none of their rows is for training, or one is not what it should be.
        """
        self._examples = {"train": [], "validate": [], "test": []}
        for split, example in self._read():
            self._examples[split].append(self._true(example) if self.learn == "truth" else example)
        for image in {image for rows in self._examples.values() for row in rows for image in row.problem.images}:
            image_size(image)  # once each, however many chains have it
        if stage == "fit" and not self._examples["train"]:
            raise ValueError(f"{self.folder} has no rows of split 'train'; annotate the training problems too.")
        labels = {x for example in self._examples["train"] for x in example.labels if not math.isnan(x)}
        if stage == "fit" and len(labels) < 2:
            said = f"are {labels.pop()}" if labels else "are missing"
            rank_zero_warn(
                f"All step labels in {self.folder} {said}: a reward model can learn nothing from them. Label with a "
                "policy that is right now and then but not always: warm it up longer (or less), sample hotter, or "
                "raise completions.n."
            )

    def _read(self) -> Iterator[tuple[str, StepExample]]:
        files = step_files(self.folder)
        if not files:
            raise ValueError(missing_input(self.folder, "a folder with annotated steps (no *.parquet in it)"))
        reading = Reading(self.image_root)
        for file in files:
            if is_ours(file):
                yield from read_steps(file, self.image_root)
            else:
                for split, example in reading.examples(file):
                    yield split_of(split or file.stem, example.problem.id, self.held_out), example
        allowed = 0.0 if self.on_bad_row == "error" else self.most_bad
        reading.require_usable(str(self.folder), allowed, "on_bad_row: skip and most_bad")

    def _true(self, example: StepExample) -> StepExample:
        if example.truth is None:
            raise ValueError(
                f"Nobody could tell which steps of problem {example.problem.id!r} in {self.folder} are true; set "
                "StepwiseDataModule.learn: labels."
            )
        return replace(example, labels=[float(true) for true in example.truth], draws=None)

    def positive_share(self, kind: Labels) -> float | None:
        """The share of successes among all that is learned from the training chains (`step_losses`).

        In (0, 1); None where all steps are alike, which was warned of: there is nothing to balance.
        """
        right = total = 0.0
        for example in self._examples["train"]:
            known = [i for i, label in enumerate(example.labels) if not math.isnan(label)]
            draws = [max(1, example.draws[i]) if example.draws else 1 for i in known]
            labels = torch.tensor([example.labels[i] for i in known])
            weights, targets = weighed(labels, torch.tensor(draws), kind)
            right += float((weights * targets).sum())
            total += float(weights.sum())
        return right / total if 0 < right < total else None

    def train_dataloader(self) -> Any:
        """Batches of labelled chains."""
        examples = self._examples["train"]
        lengths = [sum(map(len, example.steps)) // 4 for example in examples]  # a token is about 4 characters
        return training_loader(self, examples, lengths, StepCollator(self._encoder))

    def val_dataloader(self) -> Any:
        """Batches of held-out labelled chains."""
        return self._loader("validate")

    def test_dataloader(self) -> Any:
        """Batches of test chains."""
        return self._loader("test")

    def _loader(self, split: str) -> Any:
        if not (examples := self._examples[split]):
            return []
        # Without labels, what fills up counts for nothing.
        unlabeled = replace(examples[0], labels=[math.nan] * len(examples[0].labels), truth=None)
        shared: Any = filled_up(examples, unlabeled, self.trainer)
        collate = StepCollator(self._encoder)
        return DataLoader(shared, batch_size=self.batch_size, collate_fn=collate, generator=own_random())

    @property
    def _encoder(self) -> Encoder:
        return cast(Encoder, self.trainer.lightning_module.encoder)


class StepCollator:
    """Collates labelled chains; a class, so that worker processes can be started with it."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def __call__(self, examples: Sequence[StepExample]) -> Batch:
        """See `step_encoding.collate_steps`."""
        return collate_steps(self.encoder, examples)
