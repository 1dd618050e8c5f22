"""What the policy's DataModules have in common: a source of problems, checks, and the loaders over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import rank_zero_warn
from numpy.typing import NDArray
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader
from transformers.trainer_pt_utils import DistributedLengthGroupedSampler

from lit_mstar.data.source import ProblemSource, Split
from lit_mstar.models.encoding import Batch, Encoder
from lit_mstar.rollouts.images import image_size
from lit_mstar.rollouts.nouns import Problem

_COARSE = 32  # tokens, ours: examples whose lengths differ by less may share a batch at little cost

T = TypeVar("T")
U = TypeVar("U")
Example = tuple[Problem, Sequence[int] | NDArray[np.int32]]  # a problem and the token ids of a response to learn


class ProblemDataModule(LightningDataModule):
    """Serves problems to validate, test, predict and annotate; subclasses say what to train on.

    Args:
        source: Where the problems come from.
        batch_size: Examples per training batch on each rank (the paper's total is 128).
        eval_batch_size: Problems per batch when validating, testing, predicting or annotating.
        predict_splits: The splits that `predict` and `annotate` go through.
        num_workers: Processes that prepare training batches; 0 prepares them in the trainer's own.
    """

    trainer: Any  # attached by Lightning before any hook runs

    def __init__(
        self,
        source: ProblemSource,
        batch_size: int = 128,
        eval_batch_size: int = 256,
        predict_splits: Sequence[Split] = ("test",),
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        self.source = source
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.predict_splits = list(predict_splits)
        self.num_workers = num_workers
        self._problems: dict[Split, list[Problem]] = {}

    def problems(self, split: Split) -> list[Problem]:
        """The problems of a split, read and checked once (images: headers only).

        Raises:
            ValueError: If a problem's image is missing, unreadable or too large.
        """
        if split not in self._problems:
            problems = self.source.problems(split)
            for problem in problems:
                for image in problem.images:
                    image_size(image)
            self._problems[split] = problems
        return self._problems[split]

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
        """Moves tensors; lists of problems, which the sampler encodes itself, stay where they are."""
        return batch if isinstance(batch, list) else super().transfer_batch_to_device(batch, device, dataloader_idx)

    def val_dataloader(self) -> Any:
        """Lists of answered validation problems, with None for what fills up the last ones where ranks share them."""
        return self._problem_loader(filled_up(self.answered("validate"), None, self.trainer))

    def test_dataloader(self) -> Any:
        """Lists of answered test problems, as for validation."""
        return self._problem_loader(filled_up(self.answered("test"), None, self.trainer))

    def predict_dataloader(self) -> Any:
        """Lists of problems, one loader per split of `predict_splits`."""
        return [self._problem_loader(self.problems(split)) for split in self.predict_splits]

    def _problem_loader(self, problems: Any) -> Any:
        if not problems:
            return []
        return DataLoader(problems, batch_size=self.eval_batch_size, collate_fn=list, generator=own_random())

    def example_loader(self, examples: Sequence[Example]) -> Any:
        """Batches of examples for `PolicyModule.training_step`, examples of similar length together."""
        encoder = self.trainer.lightning_module.encoder
        lengths = [len(encoder.text_ids(problem.question)) + len(response) for problem, response in examples]
        return training_loader(self, examples, lengths, PairCollator(encoder))


class PairCollator:
    """Collates (problem, response ids) pairs; a class, so that worker processes can be started with it."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def __call__(self, examples: Sequence[Example]) -> Batch:
        """See `Encoder.collate`."""
        problems, responses = zip(*examples, strict=True)
        return self.encoder.collate(problems, [[*map(int, response)] for response in responses])


def training_loader(
    data: Any, examples: Sequence[Any], lengths: list[int], collate: Callable[[Sequence[Any]], Batch]
) -> Any:
    """A loader that shuffles anew each epoch, groups by length, and resumes in mid-epoch.

    The sampler pads to the number of ranks; Lightning tells it the epoch, which fixes its order.

    Args:
        data: A DataModule with `trainer`, `batch_size` and `num_workers`.
        examples: The whole list, the same on every rank.
        lengths: About how many tokens each example has.
        collate: Examples to tensors.
    """
    copies = -(-data.trainer.world_size // len(examples))  # the sampler cannot share fewer examples than ranks
    examples, lengths = [*examples] * copies, lengths * copies
    sampler = DistributedLengthGroupedSampler(
        # Of the whole batch over all ranks: however many there are, a step learns from the same examples.
        batch_size=data.batch_size * data.trainer.world_size,
        num_replicas=data.trainer.world_size,
        rank=data.trainer.global_rank,
        # Coarsely: among nearly equal lengths the order stays random, and no batch is all of one kind of problem.
        lengths=[-(-length // _COARSE) for length in lengths],
    )
    # Lightning tells the epoch too late for the first one of a resumed run: its iterator exists by then.
    sampler.set_epoch(data.trainer.fit_loop.epoch_progress.current.processed)
    return StatefulDataLoader(
        examples,  # type: ignore[arg-type]
        batch_size=data.batch_size,
        sampler=sampler,
        collate_fn=collate,
        generator=own_random(),
        num_workers=data.num_workers,
        persistent_workers=data.num_workers > 0,
    )


def filled_up(examples: Sequence[T], filler: U, trainer: Any) -> list[T | U]:
    """Examples for ranks to share equally; what fills up the last round is told apart, so that it doesn't count.

    Lightning's sampler would repeat examples instead, and metrics would differ from a single process's.
    """
    missing = -len(examples) % getattr(trainer, "world_size", 1)
    return [*examples, *[filler] * missing]


def own_random() -> torch.Generator:
    """What a loader draws its seeds from, so that it leaves the model's random numbers alone."""
    return torch.Generator().manual_seed(0)
