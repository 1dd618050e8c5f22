from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar import Problem, Response, Rollout
from lit_mstar.rollouts.parquet import to_table
from lit_mstar.rollouts.stored import StoredRollouts


def make(count: int, size: int, folder: Path) -> tuple[list[Rollout], StoredRollouts, list[int]]:
    """Rollouts in memory, the same stored in chunks, and the numbers of the chunks that were loaded."""
    rollouts = [
        Rollout(problem=Problem(id=f"p{i}", question="?"), responses=[Response(text=f"{i}"), Response(text="")])
        for i in range(count)
    ]
    chunks, loaded = [rollouts[start : start + size] for start in range(0, count, size)], []

    def load(number: int) -> pa.Table:
        loaded.append(number)
        return to_table(chunks[number])

    problems = [[rollout.problem for rollout in chunk] for chunk in chunks]
    return (
        [Rollout(problem=r.problem, responses=r.responses) for r in rollouts],
        StoredRollouts(problems, load, folder),
        loaded,
    )


@given(count=st.integers(0, 12), size=st.integers(1, 5), start=st.integers(-13, 13), stop=st.integers(-13, 13))
def test_it_is_the_same_sequence(count: int, size: int, start: int, stop: int):
    with tempfile.TemporaryDirectory() as folder:
        plain, stored, _ = make(count, size, Path(folder))
        assert list(stored) == plain
        assert list(reversed(stored)) == plain[::-1]
        assert stored[start:stop] == plain[start:stop]
        assert stored[start:stop:2] == plain[start:stop:2]
        assert len(stored) == count
        if -count <= start < count:
            assert stored[start] == plain[start]
        else:
            with pytest.raises(IndexError):
                stored[start]


@given(
    count=st.integers(1, 12), size=st.integers(1, 5), changes=st.lists(st.tuples(st.integers(0, 11), st.floats(0, 1)))
)
def test_changes_last(count: int, size: int, changes: list[tuple[int, float]]):
    with tempfile.TemporaryDirectory() as folder:
        plain, stored, _ = make(count, size, Path(folder))
        for position, score in changes:
            for rollouts in (plain, stored):
                rollout = rollouts[position % count]
                rollout.responses[1].score = score
                rollout.selected = [1]
        assert list(stored) == plain


def test_changes_in_a_loop_last(tmp_path: Path):
    _, stored, _ = make(7, 3, tmp_path)
    for position, rollout in enumerate(stored):
        rollout.selected = [position % 2]
    assert [rollout.selected for rollout in stored] == [[position % 2] for position in range(7)]


def test_a_pass_loads_each_chunk_once_and_nothing_is_written_without_changes(tmp_path: Path):
    _, stored, loaded = make(10, 3, tmp_path)
    assert len([*stored]) == 10
    assert loaded == [0, 1, 2, 3]
    assert list(tmp_path.iterdir()) == []


def test_the_scratch_folder_goes_with_the_sequence(tmp_path: Path):
    _, stored, _ = make(4, 1, tmp_path)
    for rollout in stored:
        rollout.selected = [0]
    assert [path.name[:9] for path in tmp_path.iterdir()] == ["_scratch-"]
    del stored
    assert list(tmp_path.iterdir()) == []


def test_what_is_put_back_reads_as_a_ledger_keeps_it(tmp_path: Path):
    _, stored, _ = make(2, 2, tmp_path)
    stored[0].selected = [1, 0]
    assert stored[0].selected == [1, 0]
    stored.put_back()
    assert stored[0].selected == [0, 1]
