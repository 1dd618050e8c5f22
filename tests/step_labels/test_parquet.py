from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_mstar import Problem
from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.rollouts import images
from lit_mstar.step_labels import parquet
from lit_mstar.step_labels.parquet import label_figures, read_fingerprint, read_steps, write_steps
from support.helpers import png

problems = st.builds(
    Problem,
    id=st.text(),
    question=st.text(),
    images=st.lists(st.binary(max_size=9), max_size=3).map(tuple),
    answer=st.none() | st.text(),
    choices=st.lists(st.text(), max_size=3).map(tuple),
    system=st.none() | st.text(),
    prompt=st.none() | st.text(),
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


def chains(count: int, *images: str | bytes) -> list[StepExample]:
    problem = Problem(id="p", question="What?", images=images)
    return [StepExample(problem, [f"step {i}"], [0.5]) for i in range(count)]


def test_image_files_are_written_as_bytes(tmp_path: Path):
    image = tmp_path / "elsewhere" / "a.png"
    image.parent.mkdir()
    image.write_bytes(png(5, 5))
    write_steps(tmp_path / "steps/a.parquet", "train", chains(1, str(image), png()), b"")
    image.unlink()
    ((_, example),) = read_steps(tmp_path / "steps/a.parquet")
    assert example.problem.images == (png(5, 5), png())


def test_a_missing_or_huge_image_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match=r"none\.png does not exist"):
        write_steps(tmp_path / "a.parquet", "train", chains(1, str(tmp_path / "none.png")), b"")
    monkeypatch.setattr(images, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match=r"has 11 bytes, more than 10; scale it down"):
        write_steps(tmp_path / "a.parquet", "train", chains(1, bytes(11)), b"")
    assert list(tmp_path.iterdir()) == []


def test_the_image_of_many_chains_is_on_disk_once_and_in_memory_once(tmp_path: Path):
    noise = np.random.default_rng(0).bytes(2**21)
    write_steps(tmp_path / "a.parquet", "train", chains(9, noise), b"")
    assert 2**21 < (tmp_path / "a.parquet").stat().st_size < 1.1 * 2**21
    found = read_steps(tmp_path / "a.parquet")
    assert [example.problem.images for _, example in found] == [(noise,)] * 9
    assert len({id(example.problem.images[0]) for _, example in found}) == 1


@pytest.mark.parametrize("limit", [1, 250, 10_000])
def test_portions_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int):
    written = [example for i in range(150) for example in chains(1, bytes([i]) * 100)]
    monkeypatch.setattr(parquet, "_GROUP", limit)
    write_steps(tmp_path / "a.parquet", "train", written, b"x")
    assert read_steps(tmp_path / "a.parquet") == [("train", example) for example in written]
    assert read_fingerprint(tmp_path / "a.parquet") == b"x"
    assert pq.read_metadata(tmp_path / "a.parquet").num_row_groups == {1: 150, 250: 50, 10_000: 2}[limit]


def by_others(file: Path, **changes: Any) -> Path:
    """A file with one good row and one with changes."""
    good = {"id": "p", "split": "train", "prompt": "?", "completions": ["a", "b"], "labels": [1.0, 0.0]}
    first = dict.fromkeys(changes) | good | {"choices": ["x"]}
    pq.write_table(pa.Table.from_pylist([first, good | changes]), file)
    return file


def test_columns_that_others_leave_out_are_empty(tmp_path: Path):
    (_, first), (_, second) = read_steps(by_others(tmp_path / "a.parquet"))
    assert first == StepExample(Problem(id="p", question="?", choices=("x",)), ["a", "b"], [1.0, 0.0])
    assert second.problem.choices == second.problem.images == ()


BAD_ROWS: list[tuple[str, Any, str]] = [
    ("split", "evil", "one of train, validate, test"),
    ("split", None, "one of train"),
    ("id", None, "a text"),
    ("prompt", None, "a text"),
    ("completions", [], "one or more"),
    ("completions", None, "one or more"),
    ("completions", ["a", None], "one or more"),
    ("labels", [1.0], "as many numbers"),
    ("labels", None, "as many numbers"),
    ("labels", [1.0, None], "as many numbers"),
    ("labels", [1.0, float("nan")], r"in \[0, 1\]"),
    ("labels", [1.0, 1.5], r"in \[0, 1\]"),
    ("labels", [-0.1, 1.0], r"in \[0, 1\]"),
    ("truth", [True], "as many truth values"),
    ("truth", [True, None], "as many truth values"),
    ("choices", ["a", None], "a list of texts"),
]


@pytest.mark.parametrize(("column", "value", "wanted"), BAD_ROWS, ids=str)
def test_a_row_that_makes_no_sense_is_named(tmp_path: Path, column: str, value: Any, wanted: str):
    file = by_others(tmp_path / "a.parquet", **{column: value})
    with pytest.raises(ValueError, match=rf"a\.parquet, row 1: column '{column}' is .*; it must be .*{wanted}"):
        read_steps(file)


@pytest.mark.parametrize("column", ["prompt", "labels", "images", "completions"])
def test_a_column_of_another_type_is_named(tmp_path: Path, column: str):
    pq.write_table(pa.table({column: pa.array([[[{"x": 1}]]])}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read as steps \(.*\); annotate again, or remove it"):
        read_steps(tmp_path / "a.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(20) + b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1"])
def test_what_is_no_parquet_is_named(tmp_path: Path, content: bytes):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read as steps"):
        read_steps(tmp_path / "a.parquet")


def test_images_that_others_name_come_from_the_folder_or_the_root(tmp_path: Path):
    for name in ("set/own.png", "pool/a.png", "elsewhere.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png())
    (tmp_path / "set/out.png").symlink_to("../elsewhere.png")
    folder = tmp_path / "set"

    def read(name: str, **options: Any) -> tuple[str | bytes, ...]:
        file = by_others(folder / "a.parquet", images=[{"bytes": None, "path": name}])
        return read_steps(file, **options)[1][1].problem.images

    assert read("own.png") == read(str(folder / "own.png")) == (str(folder / "own.png"),)
    assert read("a.png", image_root=tmp_path / "pool") == (str(tmp_path / "pool/a.png"),)
    for name in ("out.png", "../elsewhere.png", "/etc/hostname", str(tmp_path / "pool/a.png")):
        with pytest.raises(ValueError, match=r"row 1: Image .* outside .*set; .*set StepwiseDataModule\.image_root"):
            read(name)


@pytest.mark.parametrize("image", [{"bytes": None, "path": None}, None])
def test_an_image_that_is_nothing_is_named(tmp_path: Path, image: Any):
    file = by_others(tmp_path / "a.parquet", images=[{"bytes": png(), "path": "a.png"}, image])
    with pytest.raises(ValueError, match="row 1: an image has neither bytes nor a path"):
        read_steps(file)


def test_bytes_win_over_a_path(tmp_path: Path):
    file = by_others(tmp_path / "a.parquet", images=[{"bytes": png(), "path": "/etc/hostname"}])
    assert read_steps(file)[1][1].problem.images == (png(),)


def test_the_figures_of_a_folder_are_those_of_its_training_steps(tmp_path: Path):
    problem = Problem(id="p", question="?")
    examples = [StepExample(problem, ["a", "b"], [0.0, 0.5]), StepExample(problem, ["c"], [1.0])]
    write_steps(tmp_path / "train-0.parquet", "train", examples, b"")
    write_steps(tmp_path / "test-0.parquet", "test", examples[:1], b"")
    assert label_figures(tmp_path) == {"steps": 3, "mean_label": 0.5}
    (tmp_path / "train-0.parquet").unlink()
    assert label_figures(tmp_path) == {"steps": 0, "mean_label": 0.0}
