"""The same problems from every kind of table, by their columns' names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lit_mstar import Problem
from lit_mstar.data import Columns, HFSource, ParquetSource, TableSource, TsvSource
from support.helpers import png
from support.jsonl import write
from support.published import parquet, picture, struct, tsv

ROWS = [
    {"question": "چند رقم؟\nبشمار", "answer": "3", "image": "a.png", "choices": ["۲", "3"], "kind": "count"},
    {"question": '图中 "几"\t个？', "answer": "4", "image": "b.png", "choices": ["4", "5"], "kind": "read"},
]


def as_json(folder: Path) -> Path:
    (folder / "rows.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(ROWS).replace("\n", "\r\n").encode())
    return folder / "rows.json"


def as_object(folder: Path) -> Path:
    (folder / "rows.json").write_text(json.dumps({str(i): row for i, row in enumerate(ROWS)}))
    return folder / "rows.json"


def as_wrapped(folder: Path) -> Path:
    (folder / "rows.json").write_text(json.dumps({"data": ROWS}))
    return folder / "rows.json"


def as_tsv(folder: Path) -> Path:
    return tsv(folder / "rows.tsv", [row | {"choices": json.dumps(row["choices"])} for row in ROWS])


def as_csv(folder: Path) -> Path:
    text = as_tsv(folder).read_text()
    lines = ["question,answer,image,choices,kind"]
    for row in ROWS:
        cells = [str(row["question"]), row["answer"], row["image"], json.dumps(row["choices"]), row["kind"]]
        lines.append(",".join('"' + str(cell).replace('"', '""') + '"' for cell in cells))
    assert text
    (folder / "rows.csv").write_bytes("\r\n".join(lines).encode())
    return folder / "rows.csv"


def as_jsonl(folder: Path) -> Path:
    return write(folder, *ROWS)


def as_parquet(folder: Path) -> Path:
    return parquet(folder / "rows.parquet", ROWS)


def as_shards(folder: Path) -> Path:
    for number, row in enumerate(ROWS):
        parquet(folder / "data" / f"train-0000{number}-of-00002.parquet", [row])
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png())
    return tmp_path


KINDS = [as_json, as_object, as_wrapped, as_tsv, as_csv, as_jsonl, as_parquet, as_shards]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_same_problems_from_every_kind_of_file(kind: Callable[[Path], Path], folder: Path):
    source = TableSource(train=kind(folder), image_root=folder, columns=Columns(tags=["kind"]))
    problems = source.problems("train")
    assert [(p.question, p.answer, p.choices, p.images, dict(p.tags)) for p in problems] == [
        (row["question"], row["answer"], (*row["choices"],), (str(folder / str(row["image"])),), {"kind": row["kind"]})
        for row in ROWS
    ]


def one(folder: Path, row: dict[str, Any], **options: Any) -> Problem:
    (problem,) = ParquetSource(train=parquet(folder / "one.parquet", [row]), **options).problems("train")
    return problem


def test_columns_by_name_images_as_bytes_and_an_index_for_an_answer(tmp_path: Path):
    row = {"text": "Which?", "pick": 1, "one": struct(1), "two": picture(2), "w": "x", "x": "y", "y": None, "kind": "k"}
    columns = Columns(question="text", answer="pick", images=["one", "two"], choices=["w", "x", "y"], tags=["kind"])
    found = one(tmp_path, row, columns=columns, answer_is="index")
    assert (found.question, found.answer, found.choices) == ("Which?", "B", ("x", "y"))
    assert found.images == (picture(1), picture(2))
    assert found.answer_type == "letter"


def test_precision_unit_and_accepted_answers(tmp_path: Path):
    row = {"question": "How long?", "answer": ["1.5", "1.50"], "precision": 1.0, "unit": "cm"}
    found = one(tmp_path, row)
    assert (found.answer, found.accepted, found.precision, found.unit) == ("1.5", ("1.50",), 1, "cm")
    empty = one(tmp_path, {"question": "How long?", "answer": "1", "precision": None, "unit": None})
    assert (empty.precision, empty.unit) == (None, None)


@pytest.mark.parametrize("make", [as_parquet, as_tsv, as_json])
def test_a_wrong_name_shows_those_that_exist_and_the_nearest(make: Callable[[Path], Path], folder: Path):
    source = TableSource(train=make(folder), image_root=folder, columns=Columns(answer="anwser"))
    with pytest.raises(ValueError, match="no column 'anwser', only question, answer, image, choices, kind; did you"):
        source.problems("train")


def test_in_json_a_row_need_not_have_what_others_have(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(png())
    rows = [{"q": "Is it?", "a": "yes"}, {"q": "Which?", "a": "1", "picture": "a.png"}]
    columns = Columns(question="q", answer="a", images="picture")
    problems = TableSource(train=write(tmp_path, *rows), columns=columns).problems("train")
    assert [len(problem.images) for problem in problems] == [0, 1]


def test_a_table_without_a_question_says_what_it_has(tmp_path: Path):
    file = parquet(tmp_path / "x.parquet", [{"text": "?", "answer": "1"}])
    with pytest.raises(ValueError, match="no column question, problem, query.*which of text, answer it is"):
        ParquetSource(train=file).problems("train")


def test_kinds_of_files_are_told_apart(folder: Path):
    with pytest.raises(ValueError, match=r"is none of .tsv, .csv; take TableSource"):
        TsvSource(train=as_parquet(folder)).problems("train")
    (folder / "x.xlsx").write_bytes(b"")
    with pytest.raises(ValueError, match=r"ends in '.xlsx'; what can be read ends in .parquet"):
        TableSource(train=folder / "x.xlsx").problems("train")
    (folder / "bad.parquet").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"bad.parquet cannot be read"):
        TableSource(train=folder / "bad.parquet").problems("train")


def test_a_folder_in_the_hubs_layout_read_by_datasets(tmp_path: Path):
    pytest.importorskip("datasets")
    rows = [{"question": "Q", "answer": "1", "image": struct(1)}, {"question": "R", "answer": "2", "image": struct(2)}]
    parquet(tmp_path / "set" / "data" / "test-00000-of-00001.parquet", rows)
    for streaming in (False, True):
        source = HFSource(str(tmp_path / "set"), splits={"test": "test"}, streaming=streaming)
        problems = source.problems("test")
        assert [(p.question, p.answer, p.images) for p in problems] == [
            ("Q", "1", (picture(1),)),
            ("R", "2", (picture(2),)),
        ]
        assert source.problems("train") == []
    with pytest.raises(ValueError, match="split 'dev'"):
        HFSource(str(tmp_path / "set"), splits={"test": "dev"}).problems("test")
