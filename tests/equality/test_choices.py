from __future__ import annotations

import pytest

from lit_mstar.equality.choices import lettered, option_named
from lit_mstar.equality.comparison import Comparison
from lit_mstar.equality.plain import plain

AREAS = ("12 cm²", "24 cm²", "36 cm²", "48 cm²")
LETTERS = ("(c)", "(d)", "(a)", "(b)")
THINGS = ("the red car", "the blue truck", "the bicycle", "none of these")


def named(answer: str, choices: tuple[str, ...], by: str | None = None) -> int | None:
    return option_named(answer, choices, Comparison(timeout=30).same, by)


@pytest.mark.parametrize(
    "answer",
    [
        *(
            "B",
            "b",
            "(B)",
            "(b)",
            "[B]",
            "{B}",
            "B.",
            "B)",
            "B:",
            "**B**",
            r"\mathbf{B}",
            "`B`",
            "<B>",
            "B!",
            "Option B",
        ),
        *(
            "option (B)",
            "choice b",
            "The correct option is B.",
            "I think it is B",
            "I choose B",
            "B is correct",
            "only B",
        ),
        *("B. 24 cm²", "B) 24", "(B) 24 cm^2", "B: 24 cm²", "B - 24", "B (24 cm²)", "**B**. 24", "B 24 cm²", "B、24"),
        *("B, because the base is 8.", "B (not C)", "24 cm²", "24 cm^2", "24", "24 square centimeters", "It is 24 cm²"),
    ],
)
def test_an_option_by_letter_text_or_both(answer: str) -> None:
    assert named(answer, AREAS) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "A or B",
        "A and B",
        "B or C",
        "B, C",
        "B (or C)",
        "B: 36 cm²",
        "E",
        "24 m²",
        "ABCD",
        "not B",
        "Bob",
        "24 or 36",
        "?",
    ],
)
def test_two_options_or_none_name_none(answer: str) -> None:
    assert named(answer, AREAS) is None


@pytest.mark.parametrize(
    ("answer", "index"),
    [
        ("The blue truck", 1),
        ("B. The blue truck.", 1),
        ("the bicycle", 2),
        ("B the blue truck", 1),
        ("(B) the bicycle", None),
    ],
)
def test_texts(answer: str, index: int | None) -> None:
    assert named(answer, THINGS) == index


def test_an_article_is_no_letter() -> None:
    assert named("A dog", ("a cat", "a horse", "a cow", "a dog")) == 3
    assert named("A person", ("a cat", "a horse")) is None
    assert named("A and C", ("A and B", "A and C", "B and C", "none")) == 1


@pytest.mark.parametrize(
    ("answer", "by", "index"),
    [
        ("A", None, 0),
        ("(A)", None, 0),
        ("C", None, 2),
        ("(a)", None, 2),
        ("(c)", None, 0),
        ("a", None, 2),
        ("B. (d)", None, 1),
        ("(a)", "option", 2),
        ("A", "letter", 0),
    ],
)
def test_options_that_are_letters(answer: str, by: str | None, index: int) -> None:
    assert named(answer, LETTERS, by) == index


def test_options_with_letters_of_their_own() -> None:
    assert [named(answer, ("A. 12", "B. 24", "C. 36")) for answer in ("24", "B", "B. 24", "b) 24", "36")] == [
        1,
        1,
        1,
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("text", "letter"), [("B. 24", "B"), ("(B) 24", "B"), ("AB", None), ("A dog", None), ("", None)]
)
def test_letters_without_options(text: str, letter: str | None) -> None:
    found = lettered(plain(text))
    assert (found and found[0]) == letter
