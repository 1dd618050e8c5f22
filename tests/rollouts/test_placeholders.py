from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar import Problem
from lit_mstar.rollouts.placeholders import Placeholder, parts, placed, problem_with_placeholders

FAMILIES = [
    ("<image>", None),
    ("<Image>", None),
    ("<image 1>", 1),
    ("<image1>", 1),
    ("<image_12>", 12),
    ("<Image 2>", 2),
    ("<|image|>", None),
    ("<|image_2|>", 2),
    ("<|image_pad|>", None),
    ("<|vision_start|><|image_pad|><|vision_end|>", None),
]
TEXTS = [
    "<img>",
    "<images>",
    "image 1",
    "< image >",
    "<image",
    "<image x>",
    "<image 12345>",
    "<picture>",
    "a<b>c",
    "<>",
]


def made(question: str, images: int = 0, choices: tuple[str, ...] = ()) -> Problem:
    return Problem(id="p", question=question, images=tuple(f"{i}.png" for i in range(images)), choices=choices)


@pytest.mark.parametrize(("text", "number"), FAMILIES)
def test_placeholders_of_any_family_are_found(text: str, number: int | None):
    assert parts(text) == [Placeholder(text, number)]
    assert parts(f"é {text}{text}\n") == ["é ", Placeholder(text, number), Placeholder(text, number), "\n"]


@pytest.mark.parametrize("text", ["<video>", "<|video_pad|>", "<Video 1>"])
def test_videos_are_told_from_images(text: str):
    (found,) = parts(text)
    assert isinstance(found, Placeholder)
    assert (found.text, found.video) == (text, True)


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_are_texts(text: str):
    assert parts(text) == [text]


def test_the_processors_own_placeholder_counts_too():
    assert parts("a [IMG] b", "[IMG]") == ["a ", Placeholder("[IMG]"), " b"]
    assert parts("a [IMG] b") == ["a [IMG] b"]


@given(st.lists(st.sampled_from([*(text for text, _ in FAMILIES), *TEXTS, " ", "é"]) | st.text(), max_size=8))
def test_nothing_of_a_text_is_lost(pieces: list[str]):
    found = parts("".join(pieces))
    assert "".join(part if isinstance(part, str) else part.text for part in found) == "".join(pieces)
    assert all(found)


@pytest.mark.parametrize(
    ("question", "images", "choices", "message"),
    [
        ("<image><image> Which?", 1, (), r"'<image>' .* 2 times .* for 1 image; write one for each"),
        ("<image> Which?", 2, (), "1 times .* for 2 images"),
        ("What does <image> mean?", 0, (), "1 times .* for 0 images"),
        ("<image> Which?", 1, ("<image>", "x"), "2 times .* for 1 image"),
        ("In <image 3>?", 2, (), "'<image 3>' is none of the problem's 2 images; numbers count from 1"),
        ("Which?", 1, ("<image 1>", "<image 2>"), "'<image 2>' is none of the problem's 1 image;"),
        ("In <image_0>?", 1, (), "'<image_0>' is none"),
        ("<image> In <image 1>?", 1, (), "'<image>' has no number, but '<image 1>' has"),
        ("<video> What happens?", 1, (), "'<video>' stands for a video"),
        ("What?", 0, ("a", "<video>"), "'<video>' stands for a video"),
    ],
)
def test_what_does_not_fit_is_said(question: str, images: int, choices: tuple[str, ...], message: str):
    fault = problem_with_placeholders(made(question, images, choices))
    assert fault is not None
    assert re.search(message, fault)


@pytest.mark.parametrize(
    ("question", "images", "choices"),
    [
        ("Which?", 0, ()),
        ("Which?", 3, ("a", "b")),
        ("<image> and <image>?", 2, ()),
        ("<image> is?", 3, ("<image>", "<image>")),
        ("In <image 2>, as in <image 2>?", 3, ()),
        ("Which?", 2, ("A. <image 2>", "B. <image 1>")),
    ],
)
def test_what_fits_is_right(question: str, images: int, choices: tuple[str, ...]):
    assert problem_with_placeholders(made(question, images, choices)) is None


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (made(" Which? ", 2, (" a ", "b")), [["Which?"], [" a "], ["b"]]),
        (made("<image>\nWhich?", 1), [["Which?"]]),  # only marks
        (made("<image>\n<image>\nWhich? ", 2), [["Which?"]]),
        (made("<image 1> What is on <image 1>?", 1), [[1, "What is on ", 1, "?"]]),
        (made("Is <image> like <image>?", 2), [["Is ", 1, " like ", 2, "?"]]),
        (made("Is <image 2> like <image 1>?\n<image 3>", 3), [["Is ", 2, " like ", 1, "?\n", 3]]),
        (made("<image> Like?", 3, ("<image>", "<image> é")), [[1, "Like?"], [2], [3, " é"]]),
        (made("Which?", 2, ("A. <image 2>", "B. <image 1>")), [["Which?"], [2], [1]]),
        (made("Is <image> like <image>?", 1), [["Is  like ?"]]),  # does not fit
        (made("<image>", 1), [[]]),
        (made("<video> What?", 0), [["What?"]]),
    ],
)
def test_images_are_where_the_data_marks_them(problem: Problem, expected: list[list[str | int]]):
    assert placed(problem) == expected


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (made("Is <image 2> like <image 1>?", 2), [["Is image 2 like image 1?"]]),
        (made("Is <image> like <image>?", 2), [["Is image 1 like image 2?"]]),
        (made("Which?", 2, ("<image>", "<image>")), [["Which?"], ["image 1"], ["image 2"]]),
        (made("<image>\n<image>\nWhich?", 2), [["Which?"]]),
        (made("<image 1>\nWhich?", 1), [["Which?"]]),
        (made("Which?", 2, ("<image 1>", "<image 2>")), [["Which?"], ["image 1"], ["image 2"]]),
        (made("Is <image 2> big?", 1), [["Is  big?"]]),
    ],
)
def test_models_that_take_images_first_are_told_their_numbers(problem: Problem, expected: list[list[str | int]]):
    assert placed(problem, inline=False) == expected
