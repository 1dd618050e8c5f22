"""Other people's labelled steps, row by row as they are published, and what is wrong with some."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.step_labels.formats.reading import Reading, split_of, step_files
from support.helpers import png

STEPS = ["Step 1: a.", "Step 2: b."]
TRL = {"prompt": "What?", "completions": STEPS, "labels": [True, False]}
RAW = {
    "image": "a.png",
    "question": "What? Think step by step.",
    "question_orig": "What?",
    "answer": "7",
    "response": "\n\n".join(STEPS),
    "steps_with_score": [
        {"step": STEPS[0], "score": 0.75, "num_mc_correct": 12, "num_mc_total": 16},
        {"step": STEPS[1], "score": 0.0, "num_mc_correct": 0, "num_mc_total": 16},
    ],
}
CONVERSATION = {
    "id": -1,
    "image": ["a.png"],
    "conversations": [
        {"from": "system", "value": "You are …"},
        {"from": "human", "value": f"<image>\n### Question:\nWhat?\n\n### Solution Process:\n{STEPS[0]}"},
        {"from": "gpt", "value": "+"},
        {"from": "human", "value": STEPS[1]},
        {"from": "gpt", "value": "-"},
    ],
}
MM_PRM = {
    "id": 0,
    "image": "a.png",
    "conversations": [
        {"from": "human", "value": f"Question: What?\nProcess: {STEPS[0]}<prm>{STEPS[1]}<prm>"},
        {"from": "gpt", "value": [0.875, 0.25]},
    ],
}
VISUAL = {
    "image": ["a.png"],
    "question": "What?",
    "answer": "7",
    "response": {"steps": [*STEPS, "Step 3: c."], "process_correctness": [1, 0, -1]},
    "policy_model": "GPT-4o",
    "data_source": "MathVerse",
}
PROCESS = {"id": "gsm8k-0", "generator": "g", "problem": "What?", "steps": [*STEPS, "c"], "label": 1}
PROCESS |= {"final_answer_correct": False}


def read(folder: Path, *rows: Any, name: str = "data.jsonl") -> tuple[list[Any], Reading]:
    (folder / "a.png").write_bytes(png())
    file = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(list(rows)), file)
    elif name.endswith(".json"):
        file.write_text(json.dumps(list(rows)))
    else:
        file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    reading = Reading()
    return list(reading.examples(file)), reading


def same(found: list[float], wanted: list[float]) -> bool:
    return [None if math.isnan(x) else x for x in found] == [None if math.isnan(x) else x for x in wanted]


@pytest.mark.parametrize(
    ("row", "name", "labels", "draws"),
    [
        (TRL, "TRL", [1, 0], None),
        (TRL | {"labels": [0.75, 0]}, "TRL", [0.75, 0], None),
        (RAW, "VisualPRM400K, raw", [12 / 16, 0], [16, 16]),
        (CONVERSATION, "VisualPRM400K, conversations", [1, 0], None),
        (MM_PRM, "MM-PRM", [0.875, 0.25], None),
        (VISUAL, "VisualProcessBench", [1, math.nan, 0], [1, 0, 1]),
        (PROCESS, "ProcessBench", [1, 0, math.nan], [1, 1, 0]),
        (PROCESS | {"label": -1}, "ProcessBench", [1, 1, 1], None),
        (PROCESS | {"label": 0}, "ProcessBench", [0, math.nan, math.nan], [1, 0, 0]),
    ],
)
def test_each_format(tmp_path: Path, row: dict[str, Any], name: str, labels: list[float], draws: list[int] | None):
    ((split, example),), reading = read(tmp_path, row)
    assert reading.formats == {name: 1}
    assert reading.unusable == 0
    assert example.steps[:2] == STEPS
    assert example.problem.question == "What?"
    assert same(example.labels, labels)
    assert example.draws == draws
    assert split == ""
    images = ("a.png",) if "image" in row else ()
    assert tuple(Path(str(image)).name for image in example.problem.images) == images


@pytest.mark.parametrize("name", ["x.json", "x.parquet"])
def test_other_files(tmp_path: Path, name: str):
    found, _ = read(tmp_path, TRL, TRL | {"prompt": "Other?"}, name=name)
    assert [example.problem.question for _, example in found] == ["What?", "Other?"]
    assert step_files(tmp_path) == [tmp_path / name]


def test_a_step_that_was_not_measured_has_no_label(tmp_path: Path):
    row = json.loads(json.dumps(RAW))
    row["steps_with_score"][1] |= {"num_mc_total": 0, "score": 1.0}
    ((_, example),), _ = read(tmp_path, row)
    assert same(example.labels, [0.75, math.nan])
    assert example.draws == [16, 0]


def test_a_bom_and_windows_line_ends(tmp_path: Path):
    (tmp_path / "x.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(TRL).encode() + b"\r\n\r\n")
    assert len(list(Reading().examples(tmp_path / "x.jsonl"))) == 1


def test_equal_questions_about_equal_images_are_one_problem(tmp_path: Path):
    other = RAW | {"steps_with_score": RAW["steps_with_score"][:1]}
    found, _ = read(tmp_path, RAW, other, RAW | {"question_orig": "Which?"})
    ids = [example.problem.id for _, example in found]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("{", "it is no JSON"),
        ("[1]", "it is list, not an object"),
        ({"text": "?"}, "its fields are text; known are VisualPRM400K, raw"),
        (TRL | {"labels": [True]}, "1 labels for 2 steps"),
        (TRL | {"labels": [1, 2]}, "a label is 2.0"),
        (TRL | {"labels": "10"}, "field 'labels' is 10"),
        (TRL | {"completions": []}, "field 'completions'"),
        (TRL | {"completions": ["a", " "]}, "none of them blank"),
        (TRL | {"prompt": 3}, "field 'prompt' is 3"),
        (RAW | {"image": "../../secret.png"}, "outside"),
        (RAW | {"steps_with_score": [{"step": "a", "score": None}]}, "a step's score is None"),
        (RAW | {"steps_with_score": [{"step": "a", "score": 1, "num_mc_total": 0}]}, "none of its steps has a label"),
        (RAW | {"steps_with_score": [{"step": "a", "score": 1.5}]}, "a label is 1.5"),
        (CONVERSATION | {"conversations": CONVERSATION["conversations"][:-1]}, "must alternate"),
        (MM_PRM | {"conversations": [MM_PRM["conversations"][0], {"from": "gpt", "value": "+"}]}, "list of numbers"),
        (MM_PRM | {"conversations": [{"from": "human", "value": "Question: a\nProcess: b<prm>c"}]}, "follows the last"),
        (VISUAL | {"response": {"steps": STEPS, "process_correctness": [1, 2]}}, "must be a list of 1, 0 and -1"),
        (VISUAL | {"response": {"steps": STEPS, "process_correctness": [1]}}, "1 labels for 2 steps"),
        (VISUAL | {"response": {"steps": STEPS, "process_correctness": [0, 0]}}, "none of its steps has a label"),
        (PROCESS | {"label": 3}, "field 'label' is 3"),
        (PROCESS | {"label": True}, "field 'label' is True"),
    ],
)
def test_a_bad_row_is_counted_with_its_place_and_reason(tmp_path: Path, row: Any, why: str):
    found, reading = read(tmp_path, TRL, row)
    assert len(found) == 1
    assert reading.unusable == 1
    assert why in reading.said()
    assert reading.said().endswith(f"(first in {tmp_path / 'data.jsonl'}, row 2)")


@pytest.mark.parametrize("text", ["{}", "[1", '"a"'])
def test_a_json_file_without_rows_is_refused(tmp_path: Path, text: str):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match="x.json (is no JSON|holds a)"):
        list(Reading().examples(tmp_path / "x.json"))


def test_what_is_no_parquet_is_refused(tmp_path: Path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1nothing")
    with pytest.raises(ValueError, match="cannot be read as Parquet"):
        list(Reading().examples(tmp_path / "x.parquet"))


@pytest.mark.parametrize(
    ("named", "split"),
    [
        ("train", "train"),
        ("train-00000-of-00003", "train"),
        ("validation", "validate"),
        ("val", "validate"),
        ("dev", "validate"),
        ("test", "test"),
    ],
)
def test_splits_by_name(named: str, split: str):
    assert split_of(named, "p", 0.3) == split


def test_splits_by_problem():
    drawn = [split_of("VisualPRM400K", str(i), 0.1) for i in range(4000)]
    shares = [drawn.count(name) / 4000 for name in ("train", "validate", "test")]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)  # more than 4 standard errors
    assert {split_of("x", "p", 0.0) for _ in range(3)} == {"train"}


FIELDS = st.sampled_from(["prompt", "completions", "labels", "response", "conversations", "steps"])
VALUES = st.none() | st.text(max_size=5) | st.lists(st.integers(-1, 1) | st.text(max_size=3), max_size=3)


@given(st.dictionaries(FIELDS, VALUES))
def test_no_row_breaks_the_reading(tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any]):
    folder = tmp_path_factory.mktemp("rows")
    found, reading = read(folder, row)
    assert len(found) + reading.unusable == 1
