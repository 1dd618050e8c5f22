from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from lit_mstar.studies.intervals import Estimate, by_seed, difference, estimate, paired
from lit_mstar.studies.nouns import Quantity
from lit_mstar.studies.results import Result

NUMBER = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
A, B, C = (Quantity(variant=name, metric="m") for name in "abc")


def results(**values: list[float]) -> list[Result]:
    """One run for each variant and seed, with a metric m."""
    return [
        Result(variant=name, seed=seed, metrics={"m": value})
        for name, column in values.items()
        for seed, value in enumerate(column)
    ]


@given(st.lists(NUMBER, min_size=2, max_size=9), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_scipys(values: list[float], confidence: float):
    assume(np.std(values) > 1e-6)
    low, high = stats.t.interval(confidence, len(values) - 1, np.mean(values), stats.sem(values))
    found = estimate(values, confidence)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)
    assert found.mean == pytest.approx(np.mean(values))


@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=2, max_size=9))
def test_a_difference_is_the_paired_t_tests(pairs: list[tuple[float, float]]):
    ours, theirs = ([pair[i] for pair in pairs] for i in (0, 1))
    assume(np.std(np.subtract(ours, theirs)) > 1e-6)
    interval = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    found = difference(results(a=ours, b=theirs), A, B)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-9)


def test_by_hand():
    found = estimate([1.0, 2.0, 3.0])  # s = 1, and 4.302653 is t of 97.5% with two degrees of freedom
    assert (found.mean, found.margin) == pytest.approx((2.0, 4.302653 / math.sqrt(3)), abs=1e-6)
    assert estimate([0.5] * 4) == Estimate(0.5, 0.0)


def test_a_single_seed_has_no_interval():
    found = estimate([0.25])
    assert found.mean == 0.25
    assert math.isnan(found.margin)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng, runs = np.random.default_rng(0), 2000
    covered = sum(abs((found := estimate(list(row))).mean) < found.margin for row in rng.normal(size=(runs, 3)))
    low, high = stats.binom.interval(1 - 1e-6, runs, 0.95)  # a right interval fails once in a million seeds
    assert low <= covered <= high


def test_only_seeds_that_both_have_are_compared():
    some = [*results(a=[1.0, 2.0, 4.0]), *results(b=[0.0, 1.0])]
    assert by_seed(some, A) == {0: 1.0, 1: 2.0, 2: 4.0}
    assert difference(some, A, B) == Estimate(1.0, 0.0)
    apart = [some[0], Result(variant="b", seed=7, metrics={"m": 1.0})]
    with pytest.raises(ValueError, match=r"no seed in common: \[0\] and \[7\]"):
        difference(apart, A, B)


def test_of_several_variants_the_best_in_each_seed_counts():
    runs = results(a=[1.0, 5.0, 2.0], b=[3.0, 1.0, 2.5], c=[2.0, 2.0])
    assert by_seed(runs, Quantity(variant=["a", "b"], metric="m")) == {0: 3.0, 1: 5.0, 2: 2.5}
    assert by_seed(runs, Quantity(variant=["a", "b", "c"], metric="m")) == {0: 3.0, 1: 5.0}  # seeds that all have
    assert paired(runs, Quantity(variant=["a", "b"], metric="m"), A) == [2.0, 0.0, 0.5]


def test_a_metric_that_was_not_measured_is_named_with_those_that_were():
    runs = [Result(variant="a", seed=0, metrics={"x": 1.0, "m/last": 2.0})]
    with pytest.raises(ValueError, match="'a' did not measure 'm'; it measured m/last, x."):
        by_seed(runs, A)
    with pytest.raises(ValueError, match="'b' did not measure 'm'; it measured nothing."):
        by_seed(runs, B)
