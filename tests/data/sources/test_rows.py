"""What a row may say, and what is an error: nothing is converted in silence."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from lit_mstar.data import JsonlSource
from lit_mstar.reasoning import RuleGrader
from support.helpers import png
from support.jsonl import GOOD, read, write

CUPS = ["a cup", "a jug", "a can"]
LETTERS = ["(c)", "(d)", "(a)", "(b)"]


@pytest.mark.parametrize(
    ("row", "field", "remedy"),
    [
        ({"answer": {"value": 4}}, "answer", "must be a text, a number, or a list"),
        ({"answer": True}, "answer", "must be a text, a number, or a list"),
        ({"answer": []}, "answer", "empty list"),
        ({"answer": ["4", None]}, "answer", "None in it"),
        ({"answer": ["4", ["5"]]}, "answer", "items must be texts or numbers"),
        ({"answer": ["4", " "]}, "answer", "items must be texts or numbers"),
        ({"choices": ["1", None]}, "choices", "None in it"),
        ({"choices": ["1", False]}, "choices", "False in it"),
        ({"choices": ["1", ""]}, "choices", "'' in it"),
        ({"choices": {"A": "1"}}, "choices", "must be a list"),
        ({"choices": [str(i) for i in range(27)], "answer": "A"}, "choices", "27 options; letters end at Z"),
        ({"choices": CUPS, "answer": "D"}, "answer", "names no option; it must be a letter from A to C"),
        ({"choices": CUPS, "answer": "a pot"}, "answer", "names no option.*A: a cup, B: a jug, C: a can"),
        ({"choices": ["x", "x"], "answer": "x"}, "answer", "names no option"),
        ({"choices": ["B", "A"], "answer": "B"}, "answer", "answer_type"),
        ({"choices": ["B. a cup", "A. a jug"], "answer": "B"}, "choices", "letters its options B, A.* shown as A, B"),
        ({"choices": ["(b) 1", "(c) 2", "(a) 3"], "answer": "(a)"}, "choices", "letters its options B, C, A"),
        ({"answer_type": "numeric"}, "answer_type", "one of number, letter, option"),
        ({"precision": -1}, "precision", "decimal places"),
        ({"precision": "two"}, "precision", "decimal places"),
        ({"unit": 3}, "unit", "must be a text"),
        ({"question": "<image><image> Which?", "image": "a.png"}, "question", "2 times.*1 image"),
        ({"question": "<image 2> Which?", "image": "a.png"}, "question", "none of the problem's 1 image"),
        ({"question": "<video> Which?", "image": "a.png"}, "question", "video"),
        ({"question": "Which?", "choices": ["<image>", "x"], "answer": "B"}, "question", "0 images"),
        ({"reasoning": "So.\nAnswer: 8"}, "reasoning", "'8', but field 'answer' is '7'"),
    ],
)
def test_what_cannot_be_meant_is_an_error(tmp_path: Path, row: dict[str, Any], field: str, remedy: str) -> None:
    (tmp_path / "a.png").write_bytes(png())
    file = write(tmp_path, GOOD, {"id": 1} | GOOD | row)
    with pytest.raises(ValueError, match=f"(?s)^{re.escape(str(file))}:2: field '{field}'.*{remedy}"):
        read(file)
    source = JsonlSource(train=file, on_bad_row="skip")
    with pytest.warns(UserWarning, match="1 of 2 'train' rows were left out"):
        assert [problem.answer for problem in source.problems("train")] == ["7"]
    assert [bad.where for bad in source.dropped["train"]] == [f"{file}:2"]


@pytest.mark.parametrize(
    ("row", "right", "wrong"),
    [
        ({"answer": ["4", "four"]}, ["4", "four", "4.0"], ["5", "['4', 'four']"]),
        ({"answer": [4, 5]}, ["4", "5"], ["45", "4, 5"]),
        ({"answer": 2.5, "precision": 1}, ["2.5", "2.46", "2.54"], ["2.4", "2.6"]),
        ({"answer": "24", "unit": "cm"}, ["24", "24 cm", "0.24 m"], ["24 m", "25 cm"]),
        ({"choices": ["A. cup", "B. jug"], "answer": "cup"}, ["A", "cup", "(A) cup"], ["B", "jug"]),
        ({"choices": ["A. cup", "B. jug"], "answer": "B. jug"}, ["B", "jug"], ["A"]),
        ({"choices": CUPS, "answer": "A  Jug"}, ["B", "a jug"], ["A", "C"]),
        ({"choices": LETTERS, "answer": "(a)"}, ["C", "(a)"], ["A", "(c)"]),
        ({"choices": LETTERS, "answer": "A", "answer_type": "letter"}, ["A", "(c)"], ["C", "(a)"]),
        ({"choices": ["B", "A"], "answer": "B", "answer_type": "option"}, ["A"], ["B"]),
        ({"choices": ["B", "A"], "answer": "B", "answer_type": "letter"}, ["B"], ["A"]),
        ({"choices": [str(i) for i in range(26)], "answer": "Z"}, ["Z", "25"], ["Y", "24"]),
    ],
)
def test_what_a_row_says_is_what_counts(
    tmp_path: Path, row: dict[str, Any], right: list[str], wrong: list[str]
) -> None:
    (problem,) = read(write(tmp_path, GOOD | row))
    grader = RuleGrader()
    assert {text: grader.matches(text, problem).correct for text in right} == dict.fromkeys(right, True)
    assert {text: grader.matches(text, problem).correct for text in wrong} == dict.fromkeys(wrong, False)


def test_a_byte_order_mark_line_ends_and_further_columns_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes('\ufeff{"question": "How many?", "answer": "7", "grade": 3, "tags": {"a": null}}\r\n'.encode())
    (problem,) = read(file)
    assert (problem.question, problem.answer, problem.source) == ("How many?", "7", f"{file}:1")


def test_a_row_in_train_and_in_test_is_named(tmp_path: Path) -> None:
    train, test = (
        write(tmp_path, GOOD | {"id": "a"}, GOOD | {"question": "New?"}, name="train.jsonl"),
        tmp_path / "t.jsonl",
    )
    write(tmp_path, {"question": "bad"}, GOOD | {"id": "b", "answer": "8"}, name="t.jsonl")
    with pytest.raises(
        ValueError, match=r"train.jsonl:1: it is the same problem as .*t.jsonl:2, .*remove it from 'train'"
    ):
        JsonlSource(train=train, test=test).problems("train")
    with pytest.warns(UserWarning, match="1 of 2 'train' rows"):
        kept = JsonlSource(train=train, test=test, on_bad_row="skip").problems("train")
    assert [problem.question for problem in kept] == ["New?"]
    assert len(JsonlSource(validate=train, test=write(tmp_path, GOOD)).problems("test")) == 1  # neither is trained on


def test_a_copy_of_an_image_under_another_name_is_the_same_image(tmp_path: Path) -> None:
    for name, image in (("a", png()), ("copy", png()), ("other", png(3, 3))):
        (tmp_path / f"{name}.png").write_bytes(image)
    test = write(tmp_path, GOOD | {"image": "a.png"}, name="test.jsonl")
    for name, same in (("a", True), ("copy", True), ("other", False)):
        source = JsonlSource(train=write(tmp_path, GOOD | {"image": f"{name}.png"}, name="train.jsonl"), test=test)
        with pytest.raises(ValueError, match="test.jsonl:1, which is to be measured with") if same else nullcontext():
            assert len(source.problems("train")) == 1


def test_a_problem_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r":2: it is the same problem as .*rows.jsonl:1; remove one"):
        read(write(tmp_path, GOOD, GOOD | {"answer": "8"}))


def test_nothing_but_bad_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"(?s)All 2 rows of 'train' are bad; the first of them:\n.*:1: .*\n.*:2: "):
        read(write(tmp_path, {"answer": "1"}, {"answer": "2"}), on_bad_row="skip")


def test_long_lists_of_bad_rows_are_cut(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"(?s)7 of 8 'train' rows were left out:.*:6: [^\n]*\n… and 2 more$"):
        read(write(tmp_path, GOOD, *[{"answer": str(i)} for i in range(7)]), on_bad_row="skip", most_bad=1.0)


def test_another_word_for_bad_rows_is_refused() -> None:
    with pytest.raises(ValueError, match='on_bad_row is \'ignore\'; it must be "error" or "skip"'):
        JsonlSource(on_bad_row="ignore")  # type: ignore[arg-type]
