"""Figures of step benchmarks, by hand and by a second library."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from lit_mstar.evaluation.step_figures import (
    ScoredChain,
    auroc,
    first_error_f1,
    macro_f1,
)
from lit_mstar.evaluation.step_tables import markdown, results

NAN = math.nan


def chain(scores: list[float], labels: list[float], cluster: str = "p", **tags: str) -> ScoredChain:
    return ScoredChain(cluster, tags, tuple(scores), tuple(labels))


CHAINS = [chain([0.9, 0.4, 0.2], [1, 1, 0]), chain([0.8, 0.6, 0.1], [1, 0, NAN])]


def test_macro_f1_pools_all_steps_and_leaves_neutral_ones_out():
    # right: 0.9, 0.8 found, 0.4 missed, 0.6 called right: F1 2·2/(2·2+1+1); wrong: 0.2 found, 0.4 called, 0.6 missed
    assert macro_f1(CHAINS, 0.5) == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert macro_f1(CHAINS, 0.6) == macro_f1(CHAINS, 0.5)  # from the threshold on
    assert macro_f1(CHAINS, 0.0) == pytest.approx((6 / 8 + 0) / 2)


steps = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0, NAN])), min_size=1, max_size=6)


@settings(max_examples=60)
@given(st.lists(steps, min_size=1, max_size=5), st.floats(0, 1))
def test_macro_f1_is_scikit_learns(rows: list[list[tuple[float, float]]], threshold: float):
    chains = [chain([s for s, _ in row], [x for _, x in row]) for row in rows]
    pairs = [(s, x) for row in rows for s, x in row if x == x]
    if not pairs:
        return
    truth, said = [x > 0 for _, x in pairs], [s >= threshold for s, _ in pairs]
    one_by_one = [f1_score(truth, said, pos_label=label, zero_division=0.0) for label in (True, False)]
    assert macro_f1(chains, threshold) == pytest.approx(np.mean(one_by_one))


def test_auroc_counts_pairs():
    assert auroc(CHAINS) == pytest.approx(5 / 6)  # of 3 · 2 pairs, only 0.4 against 0.6 is the wrong way round
    assert math.isnan(auroc([chain([0.1, 0.3], [1, 1])]))


def test_the_first_error_must_be_found_and_none_be_made_up():
    chains = [
        chain([0.9, 0.2, 0.1], [1, 0, NAN]),  # found
        chain([0.3, 0.2, 0.1], [1, 0, NAN]),  # too early
        chain([0.9, 0.9, 0.9], [0, NAN, NAN]),  # missed
        chain([0.9, 0.8], [1, 1]),  # rightly none
        chain([0.9, 0.1], [1, 1]),  # made up
    ]
    wrong, right = 1 / 3, 1 / 2
    assert first_error_f1(chains, 0.5) == pytest.approx(2 * wrong * right / (wrong + right))
    assert first_error_f1(chains[:3], 0.5) == 0.0


def test_the_best_threshold_is_found():
    chains = [chain([k / 100], [float(k >= 37)], str(k)) for k in range(100)]
    assert macro_f1(chains, macro_f1.best_threshold(chains)) == pytest.approx(1.0)


def test_intervals_treat_a_problem_as_one():
    """Copies of chains that share a problem add nothing to what is known."""
    rng = np.random.default_rng(0)
    apart = [chain([float(rng.random())], [float(rng.random() < 0.5)], str(i)) for i in range(80)]
    copies = [one for one in apart for _ in range(5)]
    one, five = (macro_f1.with_interval(chains, 0.5) for chains in (apart, copies))
    assert five["value"] == pytest.approx(one["value"])
    assert five["high"] - five["low"] == pytest.approx(one["high"] - one["low"], rel=0.1)
    assert one["low"] < one["value"] < one["high"]
    assert (one["chains"], five["steps"]) == (80, 400)


def test_the_interval_covers_what_it_should():
    """Of 100 samples, at least 86 of the 95% intervals hold the true figure (binomial, p < 0.1%)."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        truth = rng.random(150) < 0.5
        said = np.where(rng.random(150) < 0.8, truth, ~truth)  # F1 of either kind is 0.8
        chains = [chain([float(s)], [float(x)], str(i)) for i, (s, x) in enumerate(zip(said, truth, strict=True))]
        found = macro_f1.with_interval(chains, 0.5)
        held += found["low"] <= 0.8 <= found["high"]
    assert held >= 86


def test_tables_have_groups_and_say_what_is_no_result():
    chains = [chain([k % 7 / 7], [float(k % 3 > 0)], str(k), data_source="AB"[k % 2]) for k in range(30)]
    found = results("Bench", "macro_f1", chains, 0.5, ["data_source", "unknown"])
    assert found["groups"]["data_source"].keys() == {"A", "B"}
    assert found["groups"]["data_source"]["A"]["value"] == macro_f1(chains[::2], 0.5)
    assert found["groups"]["unknown"] == {}
    text = markdown("mine", [found])
    assert "# mine" in text
    assert "| data_source: B | 15 | 15 |" in text
    assert "which is no result" in text
