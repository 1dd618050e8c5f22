"""Loaders over examples: everything once, in an order that the epoch decides."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_mstar import Problem
from lit_mstar.data import ProblemDataModule
from lit_mstar.data.loaders import PairCollator, filled_up, training_loader
from lit_mstar.encoding.shared_rows import collate_shared
from support.helpers import make_tiny_backbone
from support.scripted import ListSource, sums


class Loading:
    """What `training_loader` needs of a DataModule."""

    num_workers = 0

    def __init__(self, batch_size: int, world_size: int = 1, rank: int = 0) -> None:
        self.batch_size = batch_size
        progress = SimpleNamespace(current=SimpleNamespace(processed=0))
        fit_loop = SimpleNamespace(epoch_progress=progress)
        self.trainer = SimpleNamespace(world_size=world_size, global_rank=rank, current_epoch=0, fit_loop=fit_loop)


def order(loading: Loading, lengths: list[int], epoch: int) -> list[list[int]]:
    loader = training_loader(loading, range(len(lengths)), lengths, list)
    loader.sampler.set_epoch(epoch)
    return list(loader)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=40), st.integers(1, 9), st.integers(0, 5))
def test_each_example_comes_once_an_epoch(lengths: list[int], batch_size: int, epoch: int) -> None:
    batches = order(Loading(batch_size), lengths, epoch)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 9))
def test_ranks_share_the_examples(count: int, ranks: int) -> None:
    parts = [order(Loading(3, ranks, rank), list(range(1, count + 1)), epoch=2) for rank in range(ranks)]
    times = Counter(index for part in parts for batch in part for index in batch)
    assert times.keys() == set(range(count))
    assert len({sum(map(len, part)) for part in parts}) == 1
    if count >= ranks:
        assert sum(times.values()) == -(-count // ranks) * ranks  # repeated only to make it even


def test_order_is_the_epochs_alone() -> None:
    lengths = list(range(1, 41))
    runs = [[order(Loading(4), lengths, epoch) for epoch in range(3)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len({str(epoch) for epoch in runs[0]}) == 3


def test_batches_are_of_similar_lengths() -> None:
    lengths = [(i % 8) * 64 + 1 for i in range(64)]
    batches = order(Loading(8), lengths, 0)
    spread = sum(max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in batches) / len(batches)
    # At random the range of 8 of them is about 7 · 64 · 0.85; sorted in mega-batches of 16, about half of that.
    assert spread < 0.6 * 7 * 64


def test_examples_of_one_length_are_shuffled() -> None:
    (batch,) = order(Loading(30), [50 + i % 10 for i in range(30)], 0)
    assert sorted(batch) != batch
    assert any(a % 10 < b % 10 for a, b in zip(batch, batch[1:], strict=False))  # not sorted by the exact length


@pytest.mark.parametrize(("count", "ranks", "wanted"), [(7, 2, 1), (8, 4, 0), (3, 8, 5), (0, 4, 0)])
def test_what_ranks_share_is_filled_up_to_equal_parts(count: int, ranks: int, wanted: int) -> None:
    trainer = type("Ranks", (), {"world_size": ranks})()
    assert filled_up(range(count), None, trainer) == [*range(count), *[None] * wanted]
    assert filled_up(range(count), None, None) == [*range(count)]


def test_loaders_leave_the_global_random_numbers_alone(tmp_path: Path) -> None:
    data = ProblemDataModule(ListSource(validate=sums(3)))
    before = torch.get_rng_state()
    assert [len(batch) for batch in data.val_dataloader()] == [3]
    assert torch.equal(torch.get_rng_state(), before)


@given(count=st.integers(4, 60), ranks=st.sampled_from([2, 4]), epoch=st.integers(0, 3))
def test_a_step_learns_from_the_same_examples_on_any_number_of_ranks(count: int, ranks: int, epoch: int) -> None:
    lengths = [37 * i % 100 for i in range(count)]

    def steps(loading: Loading) -> list[list[int]]:
        loading.trainer.fit_loop.epoch_progress.current.processed = epoch
        return list(training_loader(loading, range(count), lengths, list))

    whole = steps(Loading(batch_size=8))
    parts = [steps(Loading(8 // ranks, ranks, rank)) for rank in range(ranks)]
    for step, batch in enumerate(whole):
        together = [example for part in parts for example in part[step]]
        extra = len(together) - len(batch)  # the last step is filled up to equal parts
        assert Counter(batch) <= Counter(together)
        assert 0 <= extra < ranks
        assert extra == 0 or step == len(whole) - 1


def pairs_of(count: int) -> list[tuple[Problem, list[int]]]:
    """Each problem's one to three responses, far apart in the list."""
    problems = [Problem(id=f"p{i}", question="?") for i in range(count)]
    return [(problem, [turn]) for turn in range(3) for i, problem in enumerate(problems) if i % 3 >= turn]


def grouped_steps(loading: Loading, count: int, epoch: int) -> list[list[tuple[Problem, list[int]]]]:
    examples = pairs_of(count)
    loading.trainer.fit_loop.epoch_progress.current.processed = epoch
    problems = [problem for problem, _ in examples]
    return list(training_loader(loading, examples, [40 * len(p.id) for p in problems], list, problems))


@given(count=st.integers(3, 40), ranks=st.sampled_from([1, 2, 4]), epoch=st.integers(0, 3))
def test_a_problems_examples_stay_together_on_any_number_of_ranks(count: int, ranks: int, epoch: int) -> None:
    def named(batch: list[tuple[Problem, list[int]]]) -> list[tuple[str, int]]:
        return [(problem.id, turn) for problem, (turn,) in batch]

    parts = [grouped_steps(Loading(8 // ranks, ranks, rank), count, epoch) for rank in range(ranks)]
    whole = grouped_steps(Loading(8), count, epoch)
    total = len(pairs_of(count))
    assert len({len(part) for part in parts}) == 1
    assert sorted(named(sum(whole, []))) == sorted(named(pairs_of(count)))
    for step, batch in enumerate(whole):
        together = named(sum((part[step] for part in parts), []))
        assert together[: len(batch)] == named(batch)  # in the order of one rank, each taking a stretch
        assert 0 <= len(together) - len(batch) < ranks
    # A problem is encoded more than once only where it reaches over a border between two batches.
    for share, part in ((8, [whole]), (8 // ranks, parts)):
        rows = sum(len({problem for problem, _ in batch}) for one in part for batch in one)
        filler = -total % len(part)
        assert rows <= count + filler + -(-(total + filler) // share)


def test_pairs_of_one_problem_are_collated_into_one_row() -> None:
    encoder = make_tiny_backbone().encoder
    one, other = Problem(id="a", question="What?"), Problem(id="b", question="What is 3 + 4?")
    examples = [(one, np.array([20, 21], np.int32)), (other, [22]), (one, [23, 24, 25])]
    expected = collate_shared(encoder, [one, other], [[[20, 21], [23, 24, 25]], [[22]]])
    found = PairCollator(encoder, share=True)(examples)
    assert found.keys() == expected.keys() >= {"segments"}
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    for collate, some in ((PairCollator(encoder), examples), (PairCollator(encoder, share=True), examples[:2])):
        expected = encoder.collate([problem for problem, _ in some], [[*map(int, ids)] for _, ids in some])
        found = collate(some)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
