"""What the policy's DataModules have in common: a source of problems, checks, and which loaders they have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import rank_zero_warn
from torch.utils.data import DataLoader

from lit_mstar.data.image_check import ImageCheck
from lit_mstar.data.loaders import Example, PairCollator, ProblemBatch, filled_up, own_random, training_loader
from lit_mstar.data.prompt_check import PromptCheck
from lit_mstar.data.shared_prompts import share_prompts
from lit_mstar.data.sources.source import ProblemSource, Split
from lit_mstar.rollouts.images import image_size
from lit_mstar.rollouts.nouns import Problem


class ProblemDataModule(LightningDataModule):
    """Serves problems to validate, test, predict and annotate; subclasses say what to train on.

    Args:
        source: Where the problems come from.
        batch_size: Examples per training batch on each rank (the paper's total is 128).
        eval_batch_size: Problems per batch when validating, testing, predicting or annotating.
        predict_splits: The splits that `predict` and `annotate` go through.
        num_workers: Processes that prepare training batches; 0 prepares them in the trainer's own.
        limit: Most problems of a split that `predict` and `annotate` go through, drawn at random but always the same
            (ours); None takes all.
        check_images: Decode every image once before the first run, and put one of each size through the policy's
            processor; `<default_root_dir>/checked-images.json` remembers it. Count whether prompts fit the model's
            context. What cannot be used is an error, or left out where the source says `on_bad_row: skip`.
        share_prompts: Learn from the responses to one problem in one row, with its prompt and images encoded once,
            where that is less work; a model whose layers cannot keep them apart is found out, and has a row for each.
            Gradients are the same but for rounding.
    """

    trainer: Any  # attached by Lightning before any hook runs
    serves = "problems"

    def __init__(
        self,
        source: ProblemSource,
        batch_size: int = 128,
        eval_batch_size: int = 256,
        predict_splits: Sequence[Split] = ("test",),
        num_workers: int = 0,
        check_images: bool = True,
        limit: int | None = None,
        share_prompts: bool = True,
    ) -> None:
        super().__init__()
        self.source = source
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.predict_splits = list(predict_splits)
        self.num_workers = num_workers
        self.check_images = check_images
        self.share_prompts = share_prompts
        if limit is not None and limit < 1:
            raise ValueError(f"{type(self).__name__}.limit is {limit}; it must be at least 1.")
        self.limit = limit
        self._problems: dict[Split, list[Problem]] = {}

    def problems(self, split: Split) -> list[Problem]:
        """The problems of a split, read and checked once; every rank must call it.

        Raises:
            ValueError: If a problem's image is missing, unreadable, too large or refused by the policy's processor.
        """
        if split not in self._problems:
            problems = self.source.problems(split)
            if self.trainer is not None and self.check_images:
                memory = Path(self.trainer.default_root_dir) / "checked-images.json"
                check = ImageCheck(memory, lambda: getattr(self.trainer.lightning_module, "encoder", None))
                problems = check.usable(problems, self.source.on_bad_row, split)
                problems = self._askable(problems, split)
            for image in (image for problem in problems for image in problem.images):
                image_size(image)
            self._problems[split] = problems
        return self._problems[split]

    def _askable(self, problems: list[Problem], split: Split) -> list[Problem]:
        """The problems that the policy's model can be asked, where there is a policy."""
        policy = self.trainer.lightning_module
        if (encoder := getattr(policy, "encoder", None)) is None:
            return problems
        drawn = (
            getattr(policy, "evaluation", None),
            getattr(policy, "responses", None),
            getattr(self, "sampling", None),
        )
        room = max((params.max_tokens for params in drawn if params is not None), default=1)
        return PromptCheck(encoder, room).usable(problems, self.source.on_bad_row, split)

    def answered(self, split: Split) -> list[Problem]:
        """The problems of a split whose answers are known: only a response to these can be right or wrong.

        Warns of how many others there are; Python shows a warning once.
        """
        problems = self.problems(split)
        known = [problem for problem in problems if problem.answer is not None]
        if len(known) < len(problems):
            which = f"{len(problems) - len(known)} of {len(problems)} {split!r} problems"
            rank_zero_warn(f"{which} have no answer and are not measured; give them answers to count them.")
        return known

    def require(self, split: Split, answered: bool = False) -> list[Problem]:
        """The problems of a split that must not be empty; only the answered ones if so asked.

        Raises:
            ValueError: If there are none.
        """
        if not (found := self.answered(split) if answered else self.problems(split)):
            what = f"{split!r} problems{' with answers' if answered else ''}"
            raise ValueError(f"{type(self.source).__name__} has no {what}; give it some.")
        return found

    def setup(self, stage: str) -> None:
        """Reads and checks what the stage will use, before any model is loaded."""
        if stage == "fit":  # these two may be empty: a user may have nothing to watch or test
            self.answered("validate")
            self.answered("test")
        needed: dict[str, list[Split]] = {"validate": ["validate"], "test": ["test"], "predict": self.predict_splits}
        for split in needed.get(stage, []):
            self.require(split, answered=stage != "predict")

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Moves tensors; problems, which the sampler encodes itself, stay where they are."""
        if isinstance(batch, ProblemBatch):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def val_dataloader(self) -> Any:
        """Lists of answered validation problems, with None for what fills up the last ones where ranks share them."""
        return self._problem_loader(filled_up(self.answered("validate"), None, self.trainer))

    def test_dataloader(self) -> Any:
        """Lists of answered test problems, as for validation."""
        return self._problem_loader(filled_up(self.answered("test"), None, self.trainer))

    def predict_dataloader(self) -> Any:
        """Lists of problems, one loader per split of `predict_splits`."""
        return [self._problem_loader(self._limited(self.problems(split))) for split in self.predict_splits]

    def _limited(self, problems: list[Problem]) -> list[Problem]:
        """So many at the most, the same ones whenever it is asked, in their order."""
        if self.limit is None or len(problems) <= self.limit:
            return problems
        chosen = np.random.default_rng(0).permutation(len(problems))[: self.limit]
        return [problems[i] for i in sorted(chosen)]

    def _problem_loader(self, problems: Any) -> Any:
        if not problems:
            return []
        return DataLoader(problems, batch_size=self.eval_batch_size, collate_fn=ProblemBatch, generator=own_random())

    def example_loader(self, examples: Sequence[Example]) -> Any:
        """Batches of examples for `PolicyModule.training_step`, those of one problem and of similar length together."""
        policy = self.trainer.lightning_module
        encoder, problems = policy.encoder, [problem for problem, _ in examples]
        lengths = [len(encoder.text_ids(problem.question)) + len(response) for problem, response in examples]
        share = self.share_prompts and share_prompts(policy, examples)
        return training_loader(self, examples, lengths, PairCollator(encoder, share), problems if share else None)
