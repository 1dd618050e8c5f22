"""Loaders that resume in mid-epoch and are the same on any number of ranks, and what they are made of."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torchdata.stateful_dataloader import StatefulDataLoader
from transformers.trainer_pt_utils import DistributedLengthGroupedSampler

from lit_mstar.encoding.encoder import Batch, Encoder
from lit_mstar.rollouts.nouns import Problem

_COARSE = 32  # tokens, ours: examples whose lengths differ by less may share a batch at little cost

T = TypeVar("T")
U = TypeVar("U")
Example = tuple[Problem, Sequence[int] | NDArray[np.int32]]  # a problem and the token ids of a response to learn


class PairCollator:
    """Collates (problem, response ids) pairs; a class, so that worker processes can be started with it."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def __call__(self, examples: Sequence[Example]) -> Batch:
        """See `Encoder.collate`."""
        problems, responses = zip(*examples, strict=True)
        return self.encoder.collate(problems, [[*map(int, response)] for response in responses])


class ProblemBatch:
    """Problems as a batch that Lightning does not look into.

    What is a sequence it goes through, to move and convert tensors; with half precision, or FSDP1, it refuses what it
    finds in it.
    """

    def __init__(self, problems: Sequence[Problem | None]) -> None:
        self.problems = list(problems)

    def __len__(self) -> int:
        return len(self.problems)

    def __iter__(self) -> Iterator[Problem | None]:
        return iter(self.problems)


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
    with warnings.catch_warnings():  # torchdata asks torch for what torch is about to lose; no user can mend it
        warnings.filterwarnings("ignore", message="'set_vital' is deprecated")
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
