"""The vote against counting by hand: groups of answers that mean the same, ties, weights, choices."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.reasoning.voting import vote

# The meanings of each wording: what is equal is known beforehand, not asked of the code under test.
MEANINGS = {
    None: None,
    "": None,
    " . ": None,
    r"\[": None,
    "7": "seven",
    "7.0": "seven",
    "$7$": "seven",
    "14/2": "seven",
    "8": "eight",
    "cat": "cat",
    "CAT.": "cat",
    "50%": "half",
    "0.5": "half",
}
ballots = st.lists(
    st.tuples(st.sampled_from(list(MEANINGS)), st.sampled_from([0.0, 0.25, 0.5, 1.0])),  # exact in binary: real ties
    max_size=9,
)


def by_hand(answers: list[str | None], weights: list[float]) -> tuple[str | None, float]:
    """Every meaning's votes, one by one; of those with most, the one that was named first, as it was named."""
    meanings = [MEANINGS[answer] for answer in answers]
    best: tuple[float, int] | None = None
    for first, meaning in enumerate(meanings):
        if meaning is not None and meaning not in meanings[:first]:
            votes = math.fsum(weight for other, weight in zip(meanings, weights, strict=True) if other == meaning)
            if best is None or votes > best[0]:
                best = votes, first
    if best is None:
        return None, 0.0
    return answers[best[1]], best[0] / math.fsum(weights) if any(weights) else 0.0


@given(ballots)
def test_weighted_votes_are_those_counted_by_hand(ballot: list[tuple[str | None, float]]) -> None:
    answers, weights = [answer for answer, _ in ballot], [weight for _, weight in ballot]
    assert vote(answers, weights) == by_hand(answers, weights)


@given(st.lists(st.sampled_from(list(MEANINGS)), max_size=9))
def test_without_weights_each_counts_one(answers: list[str | None]) -> None:
    assert vote(answers) == by_hand(answers, [1.0] * len(answers))


@pytest.mark.parametrize(
    ("answers", "weights", "winner", "share"),
    [
        ([], None, None, 0.0),
        ([None, None], None, None, 0.0),
        ([None, "7", None, "7.0"], None, "7", 0.5),
        (["1", "2", "2", "1"], None, "1", 0.5),  # a tie: the first
        (["1", "2", "2", "1"], [1, 1, 1.5, 1], "2", 2.5 / 4.5),
        (["1", "2", "2"], [0.75, 0.25, 0.25], "1", 0.6),  # the minority, if it is better liked
        (["1", "2"], [0, 0], "1", 0.0),
        ([None, "2"], [3, 1], "2", 0.25),  # who has no answer, counts
    ],
)
def test_votes_of_a_few(
    answers: list[str | None], weights: list[float] | None, winner: str | None, share: float
) -> None:
    assert vote(answers, weights) == (winner, pytest.approx(share))


def test_choices_are_the_same_by_letter_and_by_text() -> None:
    choices = ("a cat", "a dog")
    answers = ["A", "(b)", "B: a dog", "a dog", "a cat"]
    assert vote(answers, choices=choices) == ("(b)", 0.6)
    assert vote(answers) == ("A", 0.2)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 1.0, 1.0], [1.0, -0.1], [math.nan, 1.0], [1.0, math.inf]])
def test_weights_that_cannot_be_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="for 2 answers; give each a finite weight of 0 or more"):
        vote(["1", "2"], weights)
