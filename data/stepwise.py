"""Steps with labels, for the process reward model: what `lit-mstar annotate` wrote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

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
from lit_mstar.step_labels.parquet import read_steps


class StepwiseDataModule(LightningDataModule):
    """Serves labelled chains of steps.

    Args:
        folder: What `lit-mstar annotate` wrote: Parquet files whose rows name their split.
        batch_size: Chains per batch on each rank.
        num_workers: Processes that prepare training batches; 0 prepares them in the trainer's own.
        image_root: The folder that images named by their paths may come from; `folder` by default. What `annotate`
            writes holds the images themselves.
    """

    trainer: Any  # attached by Lightning before any hook runs
    serves = "labelled steps"

    def __init__(self, folder: str, batch_size: int = 64, num_workers: int = 0, image_root: Path | None = None) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.image_root = image_root
        self._examples: dict[str, list[StepExample]] = {}

    def setup(self, stage: str) -> None:
        """Reads the files.

        Raises:
            ValueError: If there are none, none of their rows is for training, or one is not what it should be.
        """
        files = sorted(self.folder.glob("*.parquet"))
        if not files:
            raise ValueError(missing_input(self.folder, "a folder with annotated steps (no *.parquet in it)"))
        self._examples = {"train": [], "validate": [], "test": []}
        for file in files:
            for split, example in read_steps(file, self.image_root):
                self._examples[split].append(example)
        for image in {image for rows in self._examples.values() for row in rows for image in row.problem.images}:
            image_size(image)  # once each, however many chains have it
        if not self._examples["train"]:
            raise ValueError(f"{self.folder} has no rows of split 'train'; annotate the training problems too.")
        labels = {label for example in self._examples["train"] for label in example.labels}
        if stage == "fit" and len(labels) < 2:
            said = f"are {labels.pop()}" if labels else "are missing"
            rank_zero_warn(
                f"All step labels in {self.folder} {said}: a reward model can learn nothing from them. Label with a "
                "policy that is right now and then but not always: warm it up longer (or less), sample hotter, or "
                "raise completions.n."
            )

    def positive_share(self, kind: Labels) -> float:
        """The share of successes among all that is learned from the training chains, in (0, 1) (`step_losses`).

        Raises:
            ValueError: If all steps are alike: there is nothing to balance.
        """
        right = total = 0.0
        for example in self._examples["train"]:
            draws = [max(1, number) for number in example.draws or [1] * len(example.labels)]
            weights, targets = weighed(torch.tensor(example.labels), torch.tensor(draws), kind)
            right += float((weights * targets).sum())
            total += float(weights.sum())
        if not 0 < right < total:
            raise ValueError(f"All step labels in {self.folder} are alike: there is nothing to balance, nor to learn.")
        return right / total

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
