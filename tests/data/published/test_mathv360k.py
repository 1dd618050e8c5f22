"""MathV360K divided: the same rows in the same split on every machine, and in every later version of the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lit_mstar.data import MathV360KSource, ViRL39KSource
from support.published import mathv360k, parquet, picture, turns

SPLITS = ("train", "unlabeled", "validate", "test")


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {"image": f"{('Geo', 'FigureQA')[i % 2]}/images/{i}.png", "conversations": turns(f"<image>\nCase {i}?", str(i))}
        for i in range(count)
    ]


def ids(source: MathV360KSource) -> dict[str, set[str]]:
    return {split: {p.question for p in source.problems(split)} for split in SPLITS}  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return mathv360k(tmp_path / "MathV360K", rows(100))


def test_every_row_is_in_one_split(folder: Path):
    found = ids(MathV360KSource(str(folder), test=12, validate=8))
    assert (len(found["test"]), len(found["validate"])) == (12, 8)
    assert len(found["train"]) + len(found["unlabeled"]) == 80
    assert len(set().union(*found.values())) == 100
    assert 25 <= len(found["train"]) <= 55  # 80 coins: within 3.3 standard deviations


def test_the_division_is_the_same_elsewhere_and_saved(folder: Path, tmp_path: Path):
    found = ids(MathV360KSource(str(folder), test=12, validate=8))
    other = mathv360k(tmp_path / "other", rows(100)[::-1])  # on another machine, in another order
    assert ids(MathV360KSource(str(other), test=12, validate=8)) == found
    saved = json.loads((folder / "lit-mstar-division.json").read_text())
    assert len(saved["test"]) == 12


def test_ids_of_other_collections_mean_nothing(tmp_path: Path):
    named = [row | {"id": "identity_0"} for row in rows(30)]
    found = ids(MathV360KSource(str(mathv360k(tmp_path, named)), test=2, validate=2, on_bad_row="error"))
    assert len(set().union(*found.values())) == 30


def test_a_file_that_grows_moves_nobody(folder: Path):
    before = ids(MathV360KSource(str(folder), test=12, validate=8))
    mathv360k(folder, rows(140))
    after = ids(MathV360KSource(str(folder), test=12, validate=8))
    assert (after["test"], after["validate"]) == (before["test"], before["validate"])
    assert after["train"] >= before["train"]
    assert after["unlabeled"] >= before["unlabeled"]


def test_another_division_is_refused_where_one_is_saved(folder: Path):
    ids(MathV360KSource(str(folder), test=12, validate=8))
    with pytest.raises(ValueError, match=r"'test': 12.*'test': 5.*is asked for; give another `division`"):
        MathV360KSource(str(folder), test=5, validate=8).problems("test")
    other = MathV360KSource(str(folder), test=12, validate=8, seed=1, division=folder / "second.json")
    assert ids(other)["test"] != ids(MathV360KSource(str(folder), test=12, validate=8))["test"]


def test_of_few_rows_no_more_than_a_fifth_each_is_held_out(folder: Path):
    found = ids(MathV360KSource(str(folder)))
    assert (len(found["test"]), len(found["validate"])) == (20, 20)


def test_what_does_not_parse_is_counted_by_collection(folder: Path, tmp_path: Path):
    bad = [{"image": f"Geo/images/x{i}.png", "conversations": turns(f"Q{i}\nChoices:\nnone", "A")} for i in range(3)]
    gone = [{"image": "FigureQA/images/gone.png", "conversations": turns("<image>\nQ", "A"), "missing": True}]
    other = mathv360k(tmp_path / "other", rows(60) + bad + gone)
    source = MathV360KSource(str(other), test=2, validate=2, unlabeled=0.0, most_bad=0.2)
    for split in SPLITS:
        try:
            source.problems(split)  # type: ignore[arg-type]
        except UserWarning:
            continue
    dropped = [row for split in source.dropped.values() for row in split]
    assert sorted(row.part for row in dropped) == ["FigureQA", "Geo", "Geo", "Geo"]
    tagged = source.problems("train")
    assert {p.tags["collection"] for p in tagged} == {"Geo", "FigureQA"}


def test_virl39k(tmp_path: Path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(picture(1))
    row = {
        "qid": "q",
        "question": "<image>\nFind x.\nChoices:\n(A) 3\n(B) 4",
        "answer": "\\boxed{B}",
        "image": ["images/a.png"],
        "category": "Geometry",
        "source": "made",
    }
    more = [row | {"qid": f"q{i}", "question": f"Find {i}.", "answer": "\\boxed{\\frac{1}{2}}"} for i in range(5)]
    parquet(tmp_path / "39Krelease.parquet", [row, *more])
    source = ViRL39KSource(str(tmp_path), test=1, validate=1)
    found = {p.id: p for split in ("train", "validate", "test") for p in source.problems(split)}  # type: ignore[arg-type]
    assert len(found) == 6
    assert (found["q"].answer, found["q"].choices, found["q"].images) == (
        "B",
        ("3", "4"),
        (str(tmp_path / "images/a.png"),),
    )
    assert found["q1"].answer == "\\frac{1}{2}"
