"""The user's own rows: each mistake is named with file, line, field and remedy, before any image is decoded."""

from __future__ import annotations

import json
import os
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lit_mstar import Problem
from lit_mstar.data import JsonlSource
from lit_mstar.data.sources import jsonl
from lit_mstar.rollouts.identity import question_digest
from support.helpers import png
from support.jsonl import GOOD, SEED, read, write

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)

pytestmark = pytest.mark.usefixtures("no_pixels")

MISTAKES: list[tuple[str, Any, str, str]] = [
    ("no question", {"answer": "7"}, "question", "must be a text"),
    ("blank question", GOOD | {"question": " \n"}, "question", "must be a text"),
    ("question is a number", GOOD | {"question": 3}, "question", "must be a text"),
    ("no answer", {"question": "How many?"}, "answer", "add it"),
    ("null answer", GOOD | {"answer": None}, "answer", "add it"),
    ("empty answer", GOOD | {"answer": ""}, "answer", "add it"),
    ("blank answer", GOOD | {"answer": " \t"}, "answer", "add it"),
    ("missing image", GOOD | {"image": "none.png"}, "image", "does not exist; correct the path"),
    ("folder as image", GOOD | {"image": "."}, "image", "does not exist; correct the path"),
    ("foreign image", GOOD | {"image": "rows.jsonl"}, "image", "not a readable image file.*replace"),
    ("second image missing", GOOD | {"images": ["good.png", "none.png"]}, "image", "none.png does not exist"),
    ("images is a text", GOOD | {"images": "good.png"}, "images", "must be a list of file paths"),
    ("image is a number", GOOD | {"image": 5}, "image", "must be"),
    ("another answer", GOOD | {"reasoning": "So.\nAnswer: 8"}, "reasoning", "ends in the answer '8'.*'7'; correct one"),
    ("reasoning is a number", GOOD | {"reasoning": 7}, "reasoning", "must be a text"),
    ("choices is a text", GOOD | {"choices": "red"}, "choices", "must be a list"),
]


@pytest.mark.parametrize(("row", "field", "remedy"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_mistakes_are_named(tmp_path: Path, row: Any, field: str, remedy: str) -> None:
    (tmp_path / "good.png").write_bytes(png())
    file = write(tmp_path, GOOD | {"image": "good.png"}, "", row, GOOD | {"id": "last"})
    with pytest.raises(ValueError, match=f"(?s)^{re.escape(str(file))}:3: .*{field}.*{remedy}"):
        read(file)


NO_JSON = [
    *[
        "{'question': 1}",
        '{"question": "a"',
        "nonsense",
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"question": "a\0b"}',
        "\0",
    ],
    *[f'{{"question": "q", "answer": {number}}}' for number in ("NaN", "Infinity", "-Infinity", "1e999", "9" * 5000)],
    *[f'{{"question": "{text}", "answer": "1"}}' for text in (r"\ud800", r"\udfff\ud800", r"a\x")],
]


@pytest.mark.parametrize("line", NO_JSON, ids=lambda x: x[:40])
def test_what_is_not_json_is_named(tmp_path: Path, line: str) -> None:
    file = write(tmp_path, GOOD, line)
    with pytest.raises(ValueError, match=f"^{re.escape(str(file))}:2: not valid JSON .*one object per line"):
        read(file)


@pytest.mark.parametrize(("line", "kind"), [("[1]", "list"), ('"a"', "str"), ("3", "int"), ("null", "NoneType")])
def test_what_is_no_object_is_named(tmp_path: Path, line: str, kind: str) -> None:
    file = write(tmp_path, GOOD, line)
    with pytest.raises(ValueError, match=f"^{re.escape(str(file))}:2: a row must be an object .*not {kind}"):
        read(file)


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(json.dumps(GOOD).encode() + b'\n{"question": "\xff\xfe", "answer": "1"}\n')
    with pytest.raises(ValueError, match=f"{re.escape(str(file))}.*UTF-8"):
        read(file)


def test_overlong_line_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = GOOD | {"id": "row"}
    length = len(json.dumps(row)) + 1  # with its line end
    file = write(tmp_path, row, row | {"id": "row2"})
    monkeypatch.setattr(jsonl, "_MAX_LINE", length)
    with pytest.raises(ValueError, match=f"^{re.escape(str(file))}:2: the line is longer than {length} .*in files"):
        read(file)
    monkeypatch.setattr(jsonl, "_MAX_LINE", length + 1)
    assert len(read(file)) == 2


def test_a_gigabyte_in_one_line_is_refused_unread(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    with file.open("ab") as sparse:
        sparse.truncate(2**30)  # zeros that take no place on the disk
        sparse.seek(0, os.SEEK_END)
        sparse.write(b"\n" + json.dumps(GOOD).encode())
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"^{re.escape(str(file))}:2: the line is longer than .*in files"):
            read(file)
        assert tracemalloc.get_traced_memory()[1] < 4 * jsonl._MAX_LINE
    finally:
        tracemalloc.stop()


def test_duplicate_ids_are_named(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD | {"id": "a"}, GOOD | {"id": "b"}, GOOD | {"id": "b"})
    with pytest.raises(ValueError, match=f"^{re.escape(str(file))}:3: .*id.*'b'.*unique"):
        read(file)


def test_ids_that_look_the_same_are_duplicates(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD | {"id": 1}, GOOD | {"id": "1"})
    with pytest.raises(ValueError, match="unique"):
        read(file)


def test_rows_without_ids_are_known_by_their_content(tmp_path: Path) -> None:
    others = [GOOD | {"question": "Which?"}, GOOD | {"choices": ["7", "8"]}]
    first = [problem.id for problem in read(write(tmp_path, GOOD, *others))]
    assert len({*first}) == 3
    more = [GOOD | {"question": "New"}, GOOD | {"answer": "8"}, *reversed(others)]  # a row above, another answer
    assert [problem.id for problem in read(write(tmp_path, *more))][1:] == [first[0], first[2], first[1]]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere.jsonl does not exist; correct JsonlSource.validate"):
        read(tmp_path / "nowhere.jsonl", "validate")


def test_a_split_without_a_file_is_empty(tmp_path: Path) -> None:
    source = JsonlSource(train=write(tmp_path, GOOD))
    splits = ("seed", "train", "validate", "test", "unlabeled")
    assert [len(source.problems(split)) for split in splits] == [0, 1, 0, 0, 0]


@pytest.mark.parametrize("split", ["seed", "train", "validate", "test"])
def test_only_the_unlabeled_may_lack_an_answer(tmp_path: Path, split: str) -> None:
    row = {"question": "How many?", "reasoning": "Answer: 7"}
    rows = [row | {"id": 1}, row | {"id": 2, "answer": " "}, row | {"id": 3, "answer": 7}]
    file = write(tmp_path, *rows)
    assert [problem.answer for problem in read(file, "unlabeled")] == [None, None, "7"]
    with pytest.raises(ValueError, match=r":1: field 'answer' is missing; add it, or move the row to JsonlSource.unl"):
        read(file, split)


@pytest.mark.parametrize(("row", "field", "remedy"), [m[1:] for m in MISTAKES if "answer" not in m[2]])
def test_unlabeled_rows_are_checked_as_others_are(tmp_path: Path, row: Any, field: str, remedy: str) -> None:
    (tmp_path / "good.png").write_bytes(png())
    with pytest.raises(ValueError, match=f"(?s):1: .*{field}.*{remedy}"):
        read(write(tmp_path, row), "unlabeled")


def test_seed_rows_need_reasoning(tmp_path: Path) -> None:
    file = write(tmp_path, SEED, GOOD)
    with pytest.raises(ValueError, match=r":2: field 'reasoning' is None; it must be a text"):
        read(file, "seed")
    (problem,) = read(write(tmp_path, SEED), "seed")
    assert problem.reasoning == SEED["reasoning"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(TEXT, TEXT, TEXT, st.lists(TEXT, max_size=4), TEXT)
def test_texts_come_back_as_written(
    tmp_path: Path, identifier: str, question: str, answer: str, choices: list[str], thought: str
) -> None:
    choices = list(dict.fromkeys([answer, *choices])) if choices else []
    row = {"id": identifier, "question": f"Q {question}", "answer": answer, "choices": choices, "answer_type": "text"}
    reasoning = f"So {thought}"
    for ascii_only in (True, False):
        file = write(tmp_path, json.dumps(row | {"reasoning": reasoning}, ensure_ascii=ascii_only))
        (problem,) = read(file)
        assert problem == Problem(
            id=identifier,
            question=f"Q {question}",
            answer=answer,
            choices=tuple(choices),
            reasoning=reasoning,
            source=f"{file}:1",
            answer_type="text",
        )


@pytest.mark.parametrize(("answer", "text"), [(7, "7"), (0, "0"), (2.5, "2.5"), (-3, "-3"), ("0", "0")])
def test_numbers_are_answers(tmp_path: Path, answer: Any, text: str) -> None:
    (problem,) = read(write(tmp_path, GOOD | {"answer": answer}))
    assert problem.answer == text


def test_a_data_set_has_a_system_turn_of_its_own(tmp_path: Path) -> None:
    file = write(tmp_path, {"question": "?", "answer": "1"})
    plain, told = (JsonlSource(train=file, system=system).problems("train")[0] for system in (None, "Be brief."))
    assert (plain.system, told.system) == (None, "Be brief.")
    assert plain.id == told.id
    assert question_digest(plain) != question_digest(told)  # what was sampled for one is not taken for the other's
