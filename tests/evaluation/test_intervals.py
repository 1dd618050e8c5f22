"""Intervals against closed forms, and how often they cover the truth in simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, ttest_rel

from lit_mstar.evaluation.intervals import cluster_variance, difference_interval, mean_interval

ROUNDS = 3000  # the coverage that is simulated is then known to 0.4 points


def test_independent_problems_have_wilsons_interval():
    values = [1.0] * 700 + [0.0] * 1300
    found = mean_interval(values, range(2000))
    wilson = binomtest(700, 2000).proportion_ci(0.95, method="wilson")
    # Student's t with 1999 degrees of freedom, and G / (G - 1): the same to the third place
    assert (found.value, found.n) == (0.35, 2000)
    assert found.low == pytest.approx(wilson.low, abs=2e-4)
    assert found.high == pytest.approx(wilson.high, abs=2e-4)


def test_copies_of_a_problem_tell_nothing_new():
    values = [float(i % 3 == 0) for i in range(300)]
    once = mean_interval(values, range(300))
    fourfold = mean_interval([value for value in values for _ in range(4)], [i for i in range(300) for _ in range(4)])
    assert (fourfold.low, fourfold.high) == pytest.approx((once.low, once.high))


def test_all_right_is_not_certain():
    found = mean_interval([1.0] * 50, range(50))
    assert found.high == pytest.approx(1.0)
    assert found.low == pytest.approx(1 / (1 + norm.ppf(0.975) ** 2 / 50), abs=0.01)  # Wilson's at p = 1


def test_one_cluster_says_nothing():
    found = mean_interval([1.0, 0.0], ["same", "same"])
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)
    with pytest.raises(ValueError, match="nothing to take the mean of"):
        mean_interval([], [])


def test_paired_differences_are_students():
    rng = np.random.default_rng(0)
    first, second = rng.random(80), rng.random(80)
    found = difference_interval(first, second, range(80))
    theirs = ttest_rel(second, first).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4)), min_size=3, max_size=40))
def test_cluster_variance_by_brute_force(rows: list[tuple[float, int]]):
    values, clusters = np.array([value for value, _ in rows]), [cluster for _, cluster in rows]
    groups = sorted(set(clusters))
    if len(groups) < 2:
        return
    sums = [sum(v - values.mean() for v, c in zip(values, clusters, strict=True) if c == group) for group in groups]
    expected = len(groups) / (len(groups) - 1) * sum(s**2 for s in sums) / len(values) ** 2
    assert cluster_variance(values, clusters) == pytest.approx(expected, abs=1e-12)


def rotations(rng: np.random.Generator, questions: int, each: int, p: float) -> np.ndarray:
    """Rotations of a question are right together more often than not: each follows its question's own chance."""
    chances = rng.beta(2 * p, 2 * (1 - p), questions)  # correlation 1/3
    return (rng.random((questions, each)) < chances[:, None]).astype(float)


@pytest.mark.parametrize(
    ("questions", "each", "p"),
    [(100, 1, 0.5), (250, 1, 0.85), (60, 1, 0.3), (1000, 1, 0.59), (100, 4, 0.6), (200, 2, 0.8), (60, 4, 0.4)],
)
def test_intervals_cover_the_truth(questions: int, each: int, p: float):
    rng = np.random.default_rng([questions, each, int(100 * p)])
    clusters = [i for i in range(questions) for _ in range(each)]
    covered = 0
    for _ in range(ROUNDS):
        values = rotations(rng, questions, each, p) if each > 1 else (rng.random((questions, 1)) < p).astype(float)
        found = mean_interval(values.ravel(), clusters)
        covered += found.low <= p <= found.high
    assert 0.93 <= covered / ROUNDS <= 0.97


@pytest.mark.parametrize(("questions", "each"), [(150, 1), (60, 4)])
def test_paired_intervals_cover_the_truth(questions: int, each: int):
    rng = np.random.default_rng([questions, each])
    clusters = [i for i in range(questions) for _ in range(each)]
    covered = 0
    for _ in range(ROUNDS):
        chances = rng.beta(1.2, 0.8, questions)
        first = (rng.random((questions, each)) < chances[:, None]).astype(float)
        second = (rng.random((questions, each)) < np.sqrt(chances)[:, None]).astype(float)
        found = difference_interval(first.ravel(), second.ravel(), clusters)
        truth = 1.2 / 2  # E[p] of beta(1.2, 0.8), and of its root by the moments of the distribution
        root = _moment(1.2, 0.8, 0.5)
        covered += found.low <= root - truth <= found.high
    assert 0.93 <= covered / ROUNDS <= 0.97


def _moment(a: float, b: float, k: float) -> float:
    from scipy.special import beta

    return float(beta(a + k, b) / beta(a, b))
