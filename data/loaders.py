"""Loaders that resume in mid-epoch and are the same on any number of ranks, and what they are made of."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DistributedSampler
from torchdata.stateful_dataloader import StatefulDataLoader
from transformers.trainer_pt_utils import get_length_grouped_indices

from lit_mstar.encoding.encoder import Batch, Encoder
from lit_mstar.encoding.shared_rows import collate_shared
from lit_mstar.rollouts.nouns import Problem

_COARSE = 32  # tokens, ours: examples whose lengths differ by less may share a batch at little cost

T = TypeVar("T")
U = TypeVar("U")
Example = tuple[Problem, Sequence[int] | NDArray[np.int32]]  # a problem and the token ids of a response to learn


class PairCollator:
    """Collates (problem, response ids) pairs; a class, so that worker processes can be started with it.

    Args:
        encoder: The model's.
        share: Put responses to one problem into one row.
    """

    def __init__(self, encoder: Encoder, share: bool = False) -> None:
        self.encoder = encoder
        self.share = share

    def __call__(self, examples: Sequence[Example]) -> Batch:
        """See `Encoder.collate` and `collate_shared`."""
        problems = [problem for problem, _ in examples]
        responses = [[*map(int, response)] for _, response in examples]
        if not self.share or len({*problems}) == len(problems):
            return self.encoder.collate(problems, responses)
        rows: dict[Problem, list[list[int]]] = {problem: [] for problem in problems}
        for problem, response in zip(problems, responses, strict=True):
            rows[problem].append(response)
        return collate_shared(self.encoder, [*rows], [*rows.values()])


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


class GroupedSampler(DistributedSampler[int]):
    """Shuffles groups of examples anew each epoch, those of similar length together, and shares them among ranks.

    A step learns from the same examples however many ranks there are, and each rank has equally many of them; a group
    is one rank's unless it reaches over a border. The last step is filled up with examples that came before.

    Args:
        groups: Positions of the examples that belong together; each is in one group.
        lengths: About how many tokens each group has.
        batch_size: Examples of a step on each rank.
        num_replicas: Ranks.
        rank: This one.
    """

    def __init__(
        self, groups: Sequence[Sequence[int]], lengths: list[int], batch_size: int, num_replicas: int, rank: int
    ) -> None:
        number = sum(map(len, groups))
        super().__init__(range(number), num_replicas, rank)  # type: ignore[arg-type]
        self.groups = groups
        # Coarsely: among nearly equal lengths the order stays random, and no batch is all of one kind of problem.
        self.lengths = [-(-length // _COARSE) for length in lengths]
        self.step = batch_size * num_replicas
        self.together = max(1, self.step * len(groups) // number)  # about as many groups are a step

    def __iter__(self) -> Iterator[int]:
        """This rank's examples; the epoch decides their order."""
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        shuffled = get_length_grouped_indices(self.lengths, self.together, generator=generator)  # type: ignore[no-untyped-call]
        order = [i for group in shuffled for i in self.groups[group]]
        order += order[: self.total_size - len(order)]
        for start in range(0, len(order), self.step):
            step = order[start : start + self.step]
            mine = len(step) // self.num_replicas
            yield from step[self.rank * mine : (self.rank + 1) * mine]


def training_loader(
    data: Any,
    examples: Sequence[Any],
    lengths: list[int],
    collate: Callable[[Sequence[Any]], Batch],
    groups: Sequence[Any] | None = None,
) -> Any:
    """A loader that shuffles anew each epoch, groups by length, and resumes in mid-epoch.

    Examples are repeated to be equally many on all ranks; Lightning tells the sampler the epoch, which fixes its order.

    Args:
        data: A DataModule with `trainer`, `batch_size` and `num_workers`.
        examples: The whole list, the same on every rank.
        lengths: About how many tokens each example has.
        collate: Examples to tensors.
        groups: What each example belongs to: those of one group stay together, in a batch of examples. Each is by
            itself by default.
    """
    copies = -(-data.trainer.world_size // len(examples))  # ranks cannot share fewer examples than they are
    examples, lengths = [*examples] * copies, lengths * copies
    found: dict[Any, list[int]] = {}
    for i in range(len(examples)):
        found.setdefault(i if groups is None else groups[i % len(groups)], []).append(i)
    sampler = GroupedSampler(
        list(found.values()),
        [sum(lengths[i] for i in group) for group in found.values()],
        batch_size=data.batch_size,
        num_replicas=data.trainer.world_size,
        rank=data.trainer.global_rank,
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
