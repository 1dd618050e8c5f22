from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar import Iteration
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.training import division
from support import rank_jobs, ranks


@given(count=st.integers(0, 200), limit=st.integers(1, 40), world=st.integers(1, 8))
def test_groups_hold_every_piece_once_and_become_smaller(count: int, limit: int, world: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "ranks", lambda: world)
        groups = division.grouped(range(count), limit)
    assert [piece for group in groups for piece in group] == list(range(count))
    sizes = [len(group) for group in groups]
    assert sizes == sorted(sizes, reverse=True)
    assert all(1 <= size <= limit for size in sizes)
    if world > 1:
        assert sizes[-1:] in ([], [1])  # the last ones are small: ranks end together


def test_one_process_takes_everything_in_order():
    assert list(division.take("abc", "queue")) == ["a", "b", "c"]
    assert division.gather(5) == [5]
    assert division.gather_dict({1: "a"}) == {1: "a"}
    assert division.parts(Iteration(index=0, problems=[], sampling=SamplingParams()), 5) == [5]


@pytest.mark.slow
def test_ranks_divide_work_between_them(tmp_path: Path):
    said = ranks.run(rank_jobs.division_job, 3, tmp_path)
    assert [len(claims) for claims in said] == [5] * 3
    assert ranks.false(said) == []
