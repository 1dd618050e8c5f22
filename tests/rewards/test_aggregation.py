from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.rewards.aggregation import aggregate

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(SCORES)
def test_each_way_against_its_definition(scores: list[float]):
    assert aggregate(scores) == sorted(scores)[0]
    assert aggregate(scores, "last") == scores[len(scores) - 1]
    assert aggregate(scores, "mean") == pytest.approx(math.fsum(scores) / len(scores))
    product = 1.0
    for score in scores:
        product *= score
    assert aggregate(scores, "product") == pytest.approx(product)


@given(SCORES)
def test_no_response_ranks_below_one_without_steps(scores: list[float]):
    assert all(aggregate([], how) == 0 <= aggregate(scores, how) for how in ("min", "product", "mean", "last"))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("how", ["min", "product", "mean", "last"])
def test_a_broken_score_never_looks_fine(broken: float, how: str):
    for scores in ([0.9, broken], [broken, 0.9], [0.0, broken], [broken]):
        with pytest.raises(ValueError, match=f"score of step {scores.index(broken)} is {broken}; .*finite"):
            aggregate(scores, how)
