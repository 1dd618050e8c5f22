from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.rollouts.options import LETTERS, bare_options


@pytest.mark.parametrize(
    "choices",
    [
        ("A. cup", "B. jug", "C. pot"),
        ("(A) cup", "(B) jug", "(C) pot"),
        ("A) cup", "B) jug", "C) pot"),
        ("A: cup", "B: jug", "C: pot"),
        ("(a) cup", "(b) jug", "(c) pot"),
        ("a. cup", "b) jug", "(C)pot"),
        (" A.cup", "B.  jug ", "C.\npot"),
        ("cup", "jug", "pot"),
    ],
)
def test_letters_of_their_own_go(choices: tuple[str, ...]):
    assert bare_options(choices) == ("cup", "jug", "pot")


@pytest.mark.parametrize(
    "choices",
    [
        (),
        ("(a)", "(b)", "(c)"),
        ("(c)", "(d)", "(a)", "(b)"),
        ("A", "B", "C"),
        ("A.", "B.", "C. "),
        ("B. cup", "A. jug"),  # not in order
        ("A. cup", "jug"),  # not all
        ("A. cup", "A. jug"),
        ("A.M.", "B.M."),  # nothing would tell them apart
        ("(a) only", "(b) only"),
        ("A:B", "B:A"),
        ("A cup", "B jug"),
        ("Amber. yes", "Blue. no"),
        ("1. cup", "2. jug"),
        ("", "B. jug"),
        tuple(f"{letter}. x" for letter in "ÄÖÜ"),
    ],
)
def test_other_options_stay_as_they_are(choices: tuple[str, ...]):
    assert bare_options(choices) == choices


def test_a_list_will_do_and_more_than_the_letters_stay():
    assert bare_options(["A. 数", "B. é\nè"]) == ("数", "é\nè")
    many = [f"{letter}. {i}" for i, letter in enumerate(LETTERS)]
    assert bare_options(many) == tuple(map(str, range(26)))
    assert bare_options([*many, "[. 26"]) == (*many, "[. 26")


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1).map(str.strip).filter(bool), unique=True, max_size=9))
def test_letters_that_were_added_are_taken_off(texts: list[str]):
    for style in ("({}) {}", "{}. {}", "{}) {}", "{}: {}"):
        assert bare_options([style.format(*pair) for pair in zip(LETTERS, texts, strict=False)]) == tuple(texts)
