from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lit_mstar import Problem
from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.sharing.command import export
from lit_mstar.sharing.exported import Exported
from lit_mstar.sharing.steps import write_steps_set
from lit_mstar.step_labels.parquet import read_steps, write_steps
from support.helpers import png

datasets = pytest.importorskip("datasets")


def example(number: int, labels: list[float]) -> StepExample:
    problem = Problem(id=f"p{number}", question=f"{number}?", answer="7", images=(png(8, 8, (number, 0, 0)),))
    return StepExample(problem=problem, steps=[f"step {k}" for k in range(len(labels))], labels=labels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_steps(
        tmp_path / "steps" / "train-00000.parquet", "train", [example(0, [1.0, 0.25, 0.0]), example(1, [0.0])], b"f"
    )
    write_steps(tmp_path / "steps" / "train-00001.parquet", "train", [example(2, [0.75, 0.5])], b"f")
    write_steps(tmp_path / "steps" / "validate-00000.parquet", "validate", [example(3, [0.125])], b"f")
    return tmp_path / "steps"


def test_the_hubs_own_library_reads_both_by_the_card(folder: Path, tmp_path: Path):
    said = export(Exported("steps", folder), tmp_path / "my-steps")
    assert "4 chains" in said
    cache = str(tmp_path / "cache")
    steps = datasets.load_dataset(str(tmp_path / "my-steps"), "steps", cache_dir=cache)
    trl = datasets.load_dataset(str(tmp_path / "my-steps"), "trl", cache_dir=cache)
    assert {name: len(split) for name, split in steps.items()} == {"train": 3, "validation": 1}
    assert steps["train"]["labels"][:] == [[1.0, 0.25, 0.0], [0.0], [0.75, 0.5]]
    assert trl["train"]["labels"][:] == [[True, True, False], [False], [True, True]]
    assert trl["train"].features["labels"].feature.dtype == "bool"
    assert trl["train"]["prompt"][:] == ["0?", "1?", "2?"]
    assert trl["validation"]["completions"][:] == [["step 0"]]
    assert steps["train"][0]["images"][0]["bytes"] == png(8, 8, (0, 0, 0))


def test_our_own_reader_takes_it_back(folder: Path, tmp_path: Path):
    write_steps_set(folder, tmp_path / "out")
    rows = [row for file in sorted((tmp_path / "out/data").glob("*.parquet")) for row in read_steps(file)]
    assert [(split, one.problem.id, one.labels) for split, one in rows] == [
        ("train", "p0", [1.0, 0.25, 0.0]),
        ("train", "p1", [0.0]),
        ("train", "p2", [0.75, 0.5]),
        ("validate", "p3", [0.125]),
    ]


def test_no_steps_are_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match="has no labelled steps; `lit-mstar annotate` makes them"):
        write_steps_set(tmp_path, tmp_path / "out")


def test_other_peoples_steps_become_ours_and_trls(tmp_path: Path):
    steps = [{"step": f"Step {k}", "score": 1.0, "num_mc_correct": k, "num_mc_total": 4 * (k != 2)} for k in range(4)]
    (tmp_path / "a.png").write_bytes(png())
    row = {"image": "a.png", "question": "What?", "answer": "7", "steps_with_score": steps}
    (tmp_path / "VisualPRM400K.jsonl").write_text(json.dumps(row) + "\n{}")
    unusable = pytest.warns(UserWarning, match="VisualPRM400K.jsonl: 1 of 2 rows cannot be used")
    with unusable, pytest.warns(UserWarning, match="2 steps stand behind .*, 0 of 1 chains"):
        assert write_steps_set(tmp_path / "VisualPRM400K.jsonl", tmp_path / "out") == {"train": 1}
    ((_, example),) = read_steps(next((tmp_path / "out/data").glob("*.parquet")))
    assert example.problem.images == (png(),)
    assert example.labels[:2] == [0, 0.25]
    assert math.isnan(example.labels[2])
    assert example.draws == [4, 4, 0, 4]
    (trl,) = pq.read_table(next((tmp_path / "out/trl").glob("*.parquet"))).to_pylist()
    assert trl == {"prompt": "What?", "completions": ["Step 0", "Step 1"], "labels": [False, True]}
