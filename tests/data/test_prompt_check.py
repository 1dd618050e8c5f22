"""What a model cannot be asked is said before anything is sampled, with how many problems it concerns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar import Problem
from lit_mstar.data import JsonlSource, ProblemDataModule
from lit_mstar.data.prompt_check import PromptCheck
from support.helpers import make_tiny_backbone, png
from support.jsonl import GOOD, write
from support.scripted import make_policy, make_trainer

ENCODER = make_tiny_backbone().encoder


def problem(question: str, *images: bytes) -> Problem:
    return Problem(id=question, question=question, images=images, source=f"train.jsonl:{len(question)}")


def length(problem: Problem) -> int:
    return int(ENCODER.prompts([problem])["attention_mask"].sum())


class Encoder:
    """The tiny model's, with another context, and images that it must have."""

    def __init__(self, context: int | None, needs_image: bool = False) -> None:
        self.context, self.needs_image = context, needs_image
        self.counted: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(ENCODER, name)

    def prompt_ids(self, problem: Problem) -> list[int]:
        self.counted.append(problem.id)
        return ENCODER.prompt_ids(problem)

    def prompts(self, problems: list[Problem]) -> Any:
        if self.needs_image and not problems[0].images:
            raise ValueError("`images` are expected")
        return ENCODER.prompts(problems)


SHORT, LONG, SEEN = problem("?"), problem("What is it? " * 20), problem("What?", png(9, 9), png(30, 9))


def test_a_prompt_without_room_is_an_error_that_says_how_long_it_is():
    check = PromptCheck(Encoder(length(LONG)), room=1)
    with pytest.raises(ValueError, match=rf"train.jsonl:240: its prompt has {length(LONG)} tokens, .*\(1 of 3 'train'"):
        check.usable([SHORT, LONG, SEEN], "error", "train")
    with pytest.warns(UserWarning, match="1 of 3 'train' problems were left out"):
        assert check.usable([SHORT, LONG, SEEN], "skip", "train") == [SHORT, SEEN]


def test_one_more_token_of_context_is_room_for_one():
    assert PromptCheck(Encoder(length(LONG) + 1), room=1).usable([SHORT, LONG], "error", "train") == [SHORT, LONG]


def test_less_room_than_the_longest_response_is_a_warning_that_counts():
    check = PromptCheck(Encoder(length(LONG) + 7), room=8)
    with pytest.warns(UserWarning, match="1 of 2 'train' problems leave less room than max_tokens=8"):
        assert check.usable([SHORT, LONG], "error", "train") == [SHORT, LONG]


@given(st.integers(1, 60), st.integers(1, 5))
def test_exactly_the_prompts_that_do_not_fit_are_left_out(context: int, images: int):
    problems = [SHORT, LONG, problem("Which one is it?", *[png(20, 9)] * images)]
    expected = [p for p in problems if length(p) < context]
    check = PromptCheck(Encoder(context), room=1)
    if expected == problems:
        assert check.usable(problems, "skip", "train") == problems
    elif expected:
        with pytest.warns(UserWarning, match="left out"):
            assert check.usable(problems, "skip", "train") == expected
    else:
        with pytest.raises(ValueError, match="3 of 3"):
            check.usable(problems, "skip", "train")


def test_problems_that_surely_fit_are_not_tokenized():
    encoder = Encoder(10_000)
    PromptCheck(encoder, room=100).usable([SHORT, LONG, SEEN], "error", "train")
    assert not {p.id for p in (SHORT, LONG, SEEN)} & {*encoder.counted}


def test_without_a_known_context_nothing_is_too_long():
    assert PromptCheck(Encoder(None), room=100).usable([LONG], "error", "train") == [LONG]


def test_a_model_that_must_see_an_image_is_not_asked_without():
    check = PromptCheck(Encoder(10_000, needs_image=True), room=1)
    with pytest.raises(
        ValueError, match=r"takes no prompt with no images \(ValueError: `images`.*2 of 3 'test' problems"
    ):
        check.usable([SHORT, SEEN, LONG], "error", "test")
    with pytest.warns(UserWarning, match="2 of 3"):
        assert check.usable([SHORT, SEEN, LONG], "skip", "test") == [SEEN]


def test_a_stage_is_refused_before_it_samples(tmp_path: Path):
    file = write(tmp_path, {k: v for k, v in GOOD.items() if "image" not in k} | {"question": "word " * 3000})
    with pytest.raises(ValueError, match=r"rows.jsonl:1: its prompt has \d+ tokens, and the model's context 1024"):
        make_trainer(tmp_path).test(make_policy(), datamodule=ProblemDataModule(JsonlSource(test=file)), verbose=False)


def test_one_problem_that_cannot_be_asked_is_not_taken_for_all_with_as_many_images():
    many = Problem(id="many", question="Which?", choices=("x",) * 27)  # more than letters
    assert PromptCheck(Encoder(None), room=1).usable([SHORT, many], "error", "train") == [SHORT, many]
