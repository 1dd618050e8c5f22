from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lit_mstar.studies.nouns import Quantity
from lit_mstar.studies.power import Spread, least, power, seeds_for, spread
from lit_mstar.studies.results import Result

A, B = (Quantity(variant=name) for name in "ab")
SIZES = st.floats(0.05, 3.0)


def test_power_is_how_often_intervals_lie_above_zero():
    rng, runs = np.random.default_rng(0), 20_000
    samples = rng.normal(0.8, 1.0, (runs, 7))
    margins = stats.t.ppf(0.975, 6) * samples.std(1, ddof=1) / math.sqrt(7)
    seen = int((samples.mean(1) - margins > 0).sum())
    low, high = stats.binom.interval(1 - 1e-6, runs, power(0.8, 1.0, 7))  # a right power fails once in a million seeds
    assert low <= seen <= high


@pytest.mark.parametrize(("ratio", "seeds"), [(0.5, 34), (0.8, 15), (1.0, 10)])
def test_tables_of_sample_sizes(ratio: float, seeds: int):
    """Of a paired t-test, two-sided at 5% and with 80% power, as every program that plans tests has them."""
    assert seeds_for(ratio, 1.0) == seeds


@given(SIZES, SIZES, st.sampled_from([0.5, 0.8, 0.95]), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_seeds_needed_are_the_fewest(difference: float, sd: float, wanted: float, confidence: float):
    n = seeds_for(difference, sd, wanted, confidence)
    assert n == 10_000 or power(difference, sd, n, confidence) >= wanted
    assert n == 2 or power(difference, sd, n - 1, confidence) < wanted


@given(SIZES, st.integers(2, 40), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_least_difference_is_seen_with_the_power_wanted(sd: float, n: int, wanted: float):
    assert power(least(sd, n, wanted), sd, n) == pytest.approx(wanted, abs=1e-6)


def test_the_ends():
    assert power(1.0, 1.0, 1) == 0  # a single seed has no interval
    assert (power(0.1, 0.0, 2), power(0.0, 0.0, 2)) == (1.0, 0.0)  # where seeds agree, anything is seen
    assert power(0.0, 1.0, 9) == pytest.approx(0.025)  # by chance
    assert math.isnan(least(1.0, 1))
    assert least(0.0, 3) == 0


def result(variant: str, seed: int, right: np.ndarray) -> Result:
    metrics = {"test_accuracy": float(right.mean()), "test_problems": float(len(right)), "kept": float(seed)}
    return Result(variant=variant, seed=seed, metrics=metrics, right=np.packbits(right).tobytes().hex())


def test_both_parts_of_the_variance():
    """Where nothing but the test problems differs between seeds, they explain all of it; what is added is the runs'."""
    rng, seeds, problems = np.random.default_rng(0), 400, 300
    runs, shifts = [], rng.normal(0, 0.05, seeds)
    for seed in range(seeds):
        runs.append(result("a", seed, rng.random(problems) < 0.5))
        runs.append(result("b", seed, rng.random(problems) < 0.5))
        runs.append(result("c", seed, rng.random(problems) < 0.5 + shifts[seed]))
    found = spread(runs, A, B)
    assert found.test == pytest.approx(math.sqrt(0.5 / problems), rel=0.02)  # a difference of two coins
    assert found.sd == pytest.approx(found.test, rel=0.15)  # s of 400 is within 3.5% of σ, four times in all
    moved = spread(runs, Quantity(variant="c"), B)
    assert moved.runs == pytest.approx(np.std(shifts), rel=0.25)
    assert moved.sd**2 == pytest.approx(moved.runs**2 + moved.test**2)


def test_by_hand():
    ones, mixed = np.array([True, True, False, False]), np.array([True, False, True, False])
    found = spread([result("a", 0, ones), result("b", 0, mixed)], A, B)
    assert found.test == pytest.approx(math.sqrt((2 / 3) / 4))  # differences 0, 1, -1, 0
    assert (found.n, math.isnan(found.sd)) == (1, True)


def test_without_outcomes_the_parts_are_unknown():
    bare = [Result(variant=name, seed=seed, metrics={"test_accuracy": 0.1 * seed}) for name in "ab" for seed in (0, 1)]
    found = spread(bare, A, B)
    assert (found.n, found.sd) == (2, 0)
    assert math.isnan(found.test)
    assert math.isnan(found.runs)
    kept = Quantity(variant="b", metric="kept")  # not a share of test problems
    assert math.isnan(spread([result("b", 0, np.ones(4, bool)), result("b", 1, np.ones(4, bool))], kept, kept).test)


def test_runs_never_have_less_than_nothing():
    assert Spread(n=5, sd=0.01, test=0.02).runs == 0
    assert Spread(n=5, sd=0.05, test=0.03).runs == pytest.approx(0.04)
