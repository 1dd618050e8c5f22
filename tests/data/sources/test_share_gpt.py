"""Conversations: hints go, options and final answers are found, and what does not parse is counted by folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.data import ShareGPTSource
from lit_mstar.data.sources.share_gpt import conversation, parse_options, parse_question, parse_reply
from support.helpers import png
from support.published import turns

HINT = "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end.\n"

QUESTIONS = [
    ("<image>\nHow many?", "<image>\nHow many?", []),
    (f"<image>\n{HINT}Question: Find x.\nChoices:\n(A) 3\n(B) 4", "<image>\nFind x.", ["3", "4"]),
    (f"{HINT}Question: Find x.\nChoices:\n(A) 3 (B) 4 (C) 5", "Find x.", ["3", "4", "5"]),
    ("Question: Find x.\nOptions:\nA. red one\nB. blue", "Find x.", ["red one", "blue"]),
    ("Find x.\nChoices: (A) 1:2 (B) 2:3", "Find x.", ["1:2", "2:3"]),
    ("<image>\n<image>\nWhich differs?", "<image><image>\nWhich differs?", []),
    ("Is <image> like <image>?", "Is <image> like <image>?", []),
    ("<image>\r\nFind x.\r\nChoices:\r\n(a) 3\r\n(b) 4", "<image>\nFind x.", ["3", "4"]),
    ("چند تا؟\nChoices:\n(A) ۲\n(B) ۳", "چند تا؟", ["۲", "۳"]),
    ("图中有几个？\nChoices:\n(A) 两个\n(B) 三个", "图中有几个？", ["两个", "三个"]),
    ("Hint: think", "Hint: think", []),
]


@pytest.mark.parametrize(("text", "question", "choices"), QUESTIONS)
def test_questions_without_hints_and_with_options(text: str, question: str, choices: list[str]):
    assert parse_question(text) == (question, choices)


@pytest.mark.parametrize("text", ["Find x.\nChoices:\nred or blue", "Find x.\nChoices:\n(A) 1 (C) 2"])
def test_options_that_cannot_be_read_are_said(text: str):
    with pytest.raises(ValueError, match="has options that cannot be read"):
        parse_question(text)


@given(st.lists(st.from_regex(r"[a-z0-9]{1,8}( [a-z0-9]{1,8}){0,2}", fullmatch=True), min_size=1, max_size=8))
def test_options_come_back(options: list[str]):
    for form in ("({}) {}\n", "({}) {} ", "{}. {}\n", "{}: {}\n"):
        assert parse_options("".join(map(form.format, "ABCDEFGH", options))) == options


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("A", "A", None),
        ("(B)", "(B)", None),
        ("145°", "145°", None),
        ("The answer is C", "C", None),
        ("Yes", "Yes", None),
        ("It is a triangle.\nSo x is 3.\nAnswer: 3", "3", "It is a triangle.\nSo x is 3.\nAnswer: 3"),
    ],
)
def test_replies(text: str, answer: str, reasoning: str | None):
    assert parse_reply(text) == (answer, reasoning)


@pytest.mark.parametrize("text", ["", "First this\nthen that\nand so on and on"])
def test_a_reply_without_an_answer_is_said(text: str):
    with pytest.raises(ValueError, match="states no final answer"):
        parse_reply(text)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"image": "a.png"}, "it has no conversations but image"),
        ({"conversations": turns("a", "b") * 2}, "from human, gpt, human, gpt; one question and one answer"),
        ({"conversations": turns("a", "b")[::-1]}, "from gpt, human; one question"),
        ({"conversations": []}, "from nobody"),
        ({"conversations": ["a"]}, "it has no conversations"),
    ],
)
def test_what_is_no_conversation(row: dict[str, Any], wrong: str):
    with pytest.raises(ValueError, match=wrong):
        conversation(row)


def test_the_other_spelling_with_a_system_turn():
    said = [("system", "Be brief."), ("user", "How many?"), ("assistant", "3")]
    found = conversation({"messages": [{"role": role, "content": text} for role, text in said]})
    assert (found["question"], found["answer"], found["system"]) == ("How many?", "3", "Be brief.")


def test_bad_rows_are_counted_by_folder(tmp_path: Path):
    rows = [{"image": f"Geo/images/{i}.png", "conversations": turns(f"Q{i}", "1")} for i in range(6)]
    rows += [{"image": "Charts/images/0.png", "conversations": turns("<image>\nQ", "no\nanswer here at all")}]
    rows += [{"image": "Charts/images/1.png", "conversations": turns("<image>\nQ", "2")}]  # the file is missing
    for i in range(6):
        (tmp_path / "Geo" / "images").mkdir(parents=True, exist_ok=True)
        (tmp_path / "Geo" / "images" / f"{i}.png").write_bytes(png())
    (tmp_path / "train.json").write_text(json.dumps(rows))
    source = ShareGPTSource(train=tmp_path / "train.json", on_bad_row="skip", most_bad=0.5)
    with pytest.warns(UserWarning, match=r"(?s)2 of 8 'train' rows were left out.*By part: Charts 2"):
        assert len(source.problems("train")) == 6
