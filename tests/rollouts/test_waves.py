"""Waves by hand, and what stopping does to shares: by simulation, with a stated confidence."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.rollouts.waves import Waves


@pytest.mark.parametrize(
    ("first", "most", "sizes"),
    [(4, 16, [4, 4, 8]), (4, 10, [4, 4, 2]), (1, 8, [1, 1, 2, 4]), (4, 4, [4]), (6, 4, [4]), (3, 16, [3, 3, 6, 4])],
)
def test_each_wave_doubles_what_there_is(first: int, most: int, sizes: list[int]):
    assert Waves(first=first).sizes(most) == sizes


@given(st.integers(1, 20), st.integers(1, 200))
def test_waves_make_exactly_as_many_as_there_may_be(first: int, most: int):
    assert sum(Waves(first=first).sizes(most)) == most


@pytest.mark.parametrize(
    ("distinct", "wrong", "drawn", "done"),
    [
        (1, 3, 4, False),
        (2, 2, 4, True),  # enough
        (0, 4, 4, False),  # hope is left
        (0, 8, 8, True),  # none is
        (1, 7, 8, False),
        (0, 7, 8, False),  # one of them nobody can tell
        (0, 0, 8, False),  # a problem without an answer
    ],
)
def test_who_has_enough_or_little_hope_is_done(distinct: int, wrong: int, drawn: int, done: bool):
    assert Waves(first=4, enough=2, hopeless=8).done(distinct, wrong, drawn) is done


@pytest.mark.parametrize("name", ["first", "enough", "hopeless"])
def test_a_value_below_one_is_refused(name: str):
    with pytest.raises(ValueError, match=re.escape(f"Waves.{name} is 0; it must be at least 1.")):
        Waves(**{name: 0})


def test_the_share_of_the_first_wave_is_unbiased_and_that_of_all_is_not():
    """400 runs of 50 problems: |mean − truth| within 4 standard errors (99.99%), for all responses beyond 20."""
    random = np.random.default_rng(0)
    waves, most = Waves(), 16
    chances = np.linspace(0.0, 1.0, 50)
    first, pooled = [], []
    for right in random.random((400, 50, most)) < chances[:, None]:
        drawn = np.array([_stopped(row, waves) for row in right])
        first.append(right[:, : waves.first].mean())
        pooled.append(sum(row[:n].sum() for row, n in zip(right, drawn, strict=True)) / drawn.sum())
    errors = {name: (np.mean(x) - 0.5) / (np.std(x) / 20) for name, x in (("first", first), ("pooled", pooled))}
    assert abs(errors["first"]) < 4
    assert errors["pooled"] < -20  # who stops early was right, so easy problems count too little


def _stopped(right: np.ndarray, waves: Waves) -> int:
    """How many of a problem's responses, all of them with different texts, are drawn."""
    drawn = 0
    for size in waves.sizes(len(right)):
        drawn += size
        found = int(right[:drawn].sum())
        if waves.done(found, drawn - found, drawn):
            break
    return drawn
