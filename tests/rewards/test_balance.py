"""Which temperature is taken: against a search over all pairs, and the share of needless changes."""

from __future__ import annotations

import math
from statistics import fmean, stdev

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.rewards.balance import Worth, choose
from lit_mstar.rewards.metrics import BalanceScore

GRID = [0.3, 0.7, 1.1, 1.5]
rows = st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=4, max_size=4), min_size=2, max_size=12)


def curve(each: list[list[float]]) -> list[Worth]:
    """One row per problem, one column per temperature."""
    columns = list(zip(*each, strict=True))
    return [Worth(fmean(c), stdev(c) / math.sqrt(len(c)), each=torch.tensor(c, dtype=torch.float64)) for c in columns]


def beyond(one: list[float], other: list[float]) -> bool:
    gaps = [a - b for a, b in zip(one, other, strict=True)]
    return fmean(gaps) > stdev(gaps) / math.sqrt(len(gaps)) + 1e-12


@given(rows, st.sampled_from([0.1, 0.3, 0.5, 0.9, 1.0, 1.3, 2.0]))
def test_both_rules_by_brute_force(each: list[list[float]], current: float) -> None:
    columns = [list(column) for column in zip(*each, strict=True)]
    means = [fmean(column) for column in columns]
    near = [round(abs(temperature - current), 9) for temperature in GRID]
    highest = [i for i in range(4) if means[i] >= max(means) - 1e-9]
    top = min(highest, key=lambda i: (near[i], i))
    close = [i for i in range(4) if not beyond(columns[top], columns[i])]
    kept = min(range(4), key=lambda i: (near[i], i))
    argmax = choose("argmax", GRID, curve(each), current)
    significant = choose("significant", GRID, curve(each), current)
    assert (argmax.place, argmax.close) == (top, close)
    assert significant.place == (kept if kept in close else top)
    assert (argmax.why == "the highest") == (len(highest) == 1)


def test_what_only_rounding_tells_apart_is_equal() -> None:
    worths = [Worth(0.1 + 0.2, 0.01), Worth(0.3, 0.01)]
    assert worths[0].value != worths[1].value
    assert choose("argmax", [0.5, 1.0], worths, 1.0).place == 1
    assert choose("argmax", [0.5, 1.0], worths, 0.5).place == 0
    # 0.9 and 1.1 are equally far from 1.0, which only rounding denies.
    assert choose("argmax", [0.9, 1.1], worths, 1.0).place == 0


def test_one_problem_says_nothing_of_a_difference() -> None:
    one = [Worth(0.0, math.nan, each=torch.zeros(1)), Worth(1.0, math.nan, each=torch.ones(1))]
    assert choose("significant", [0.5, 1.0], one, 0.5).place == 0
    assert choose("argmax", [0.5, 1.0], one, 0.5).place == 1


def test_problems_left_out_by_either_are_not_compared() -> None:
    low = torch.tensor([0.0, 0.0, 0.0, torch.nan])
    high = torch.tensor([1.0, 1.0, torch.nan, 1.0])
    worths = [Worth(0.0, 0.0, each=low), Worth(1.0, 0.0, each=high)]
    assert choose("significant", [0.5, 1.0], worths, 0.5).place == 1


@pytest.mark.parametrize(("rule", "bound"), [("argmax", (0.6, 0.8)), ("significant", (0.2, 0.55))])
def test_between_equal_temperatures_the_significant_rule_changes_less_often(
    rule: str, bound: tuple[float, float]
) -> None:
    """Four temperatures of the same worth, 60 problems: argmax leaves the current one about three times in four."""
    generator = torch.Generator().manual_seed(0)
    changes = 0
    for _ in range(400):
        each = torch.randint(0, 2, (60, 4), generator=generator).double().tolist()
        changes += choose(rule, GRID, curve(each), 0.7).place != 1  # type: ignore[arg-type]
    assert bound[0] < changes / 400 < bound[1]


def test_a_balance_score_has_nan_for_problems_left_out() -> None:
    correct = torch.tensor([[True, False], [True, True]])
    score = torch.tensor([[0.9, 0.1], [0.1, 0.2]])
    metric = BalanceScore(0.5, wanted=1, empty="skip")
    metric.update(correct, score)
    assert metric.each is not None
    assert metric.each.tolist()[0] == 1.0
    assert math.isnan(metric.each[1])
    assert float(metric.compute()) == 1.0
