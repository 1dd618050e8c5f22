from __future__ import annotations

import re

import pytest

from lit_mstar import Response, Rollout
from lit_mstar.rollouts.parquet import to_table
from support.scripted import sums


def rollout(*selected: int) -> Rollout:
    return Rollout(problem=sums(1, "p")[0], responses=[Response(text=str(i)) for i in range(3)], selected=[*selected])


def test_what_is_selected_is_marked() -> None:
    assert to_table([rollout(2, 0)])["selected"].to_pylist() == [True, False, True]
    assert to_table([rollout()])["selected"].to_pylist() == [False] * 3


@pytest.mark.parametrize("selected", [(99,), (0, 3), (-1,)])
def test_a_selection_of_responses_that_are_not_there_is_refused(selected: tuple[int, ...]) -> None:
    """They would be lost without a word."""
    with pytest.raises(ValueError, match=r"Problem p0: a callback has put \[.*\] into rollout.selected; .* 0 to 2"):
        to_table([rollout(*selected)])


@pytest.mark.parametrize("selected", [None, 1])
def test_a_selection_that_is_no_list_is_refused(selected: object) -> None:
    spoiled = rollout()
    spoiled.selected = selected  # type: ignore[assignment]
    with pytest.raises(ValueError, match=f"Problem p0: a callback has made rollout.selected {selected}; it is a list"):
        to_table([rollout(), spoiled])


@pytest.mark.parametrize(
    ("name", "value"), [("score", "high"), ("step_scores", [0.5, "low"]), ("correct", "yes"), ("text", 7)]
)
def test_what_has_no_place_in_a_ledger_is_named(name: str, value: object) -> None:
    spoiled = rollout()
    setattr(spoiled.responses[2], name, value)
    with pytest.raises(ValueError, match=rf"^Problem p0: response 2 has {name} {re.escape(repr(value))}, which is no"):
        to_table([rollout(), spoiled])
