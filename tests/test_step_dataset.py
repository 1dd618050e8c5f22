from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers import png
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_mstar import Problem
from lit_mstar.step_dataset import read_fingerprint, read_steps, write_steps
from lit_mstar.step_encoding import StepExample

problems = st.builds(
    Problem,
    id=st.text(),
    question=st.text(),
    images=st.lists(st.binary(max_size=9), max_size=3).map(tuple),
    answer=st.none() | st.text(),
    choices=st.lists(st.text(), max_size=3).map(tuple),
)


@st.composite
def examples(draw: st.DrawFn) -> StepExample:
    steps = draw(st.lists(st.text(), min_size=1, max_size=4))
    size = {"min_size": len(steps), "max_size": len(steps)}
    labels = draw(st.lists(st.floats(0, 1), **size))
    truth = draw(st.none() | st.lists(st.booleans(), **size))
    return StepExample(problem=draw(problems), steps=steps, labels=labels, truth=truth)


@settings(deadline=None)
@given(st.lists(examples(), max_size=4), st.sampled_from(["train", "validate"]), st.binary())
def test_what_is_written_comes_back(written: list[StepExample], split: str, fingerprint: bytes):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "split=x" / "steps.parquet"  # a folder that looks like a partition
        write_steps(file, split, written, fingerprint)
        assert read_steps(file) == [(split, example) for example in written]
        assert read_fingerprint(file) == fingerprint


def test_other_readers_find_the_stepwise_columns(tmp_path: Path):
    problem = Problem(id="p", question="What?", images=(png(),))
    write_steps(tmp_path / "a.parquet", "train", [StepExample(problem, ["one", "two"], [1.0, 0.5])], b"")
    (row,) = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert (row["prompt"], row["completions"], row["labels"]) == ("What?", ["one", "two"], [1.0, 0.5])
    assert row["images"] == [{"bytes": png(), "path": None}]
    assert row["truth"] is None


def test_a_file_of_others_has_no_fingerprint(tmp_path: Path):
    write_steps(tmp_path / "a.parquet", "train", [], b"x")
    pq.write_table(pq.read_table(tmp_path / "a.parquet").replace_schema_metadata(None), tmp_path / "b.parquet")
    assert read_fingerprint(tmp_path / "b.parquet") is None
    assert read_steps(tmp_path / "b.parquet") == []


def test_an_error_leaves_no_file(tmp_path: Path):
    wrong = StepExample(Problem(id="p", question="?"), ["one"], ["not a number"])  # type: ignore[list-item]
    with pytest.raises((TypeError, ValueError)):
        write_steps(tmp_path / "a.parquet", "train", [wrong], b"")
    assert list(tmp_path.iterdir()) == []
