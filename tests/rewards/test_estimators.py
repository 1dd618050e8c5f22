from __future__ import annotations

from fractions import Fraction
from itertools import combinations, permutations
from math import comb

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.rewards.metrics import (
    BalanceScore,
    PassAtK,
    RewardPassAtK,
    balance_score,
    pass_at_k,
    reward_pass_at_k,
)


@st.composite
def scored(draw: st.DrawFn) -> tuple[list[bool], list[float], int]:
    """The correctness and scores of up to five responses, with many ties, and a k."""
    n = draw(st.integers(1, 5))
    correct = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    values = st.sampled_from([0.0, 0.5, 1.0, float("inf"), float("-inf")])
    return correct, draw(st.lists(values, min_size=n, max_size=n)), draw(st.integers(1, n))


@given(scored())
def test_pass_at_k_is_a_share_of_subsets(case: tuple[list[bool], list[float], int]) -> None:
    correct, _, k = case
    hits = [any(subset) for subset in combinations(correct, k)]
    result = pass_at_k(torch.tensor([correct]), k)
    assert result.item() == pytest.approx(sum(hits) / len(hits), abs=1e-12)


@given(scored())
def test_reward_pass_at_k_is_the_mean_over_tie_orders(case: tuple[list[bool], list[float], int]) -> None:
    correct, score, k = case
    hits = []
    for order in permutations(range(len(correct))):
        ranked = sorted(order, key=lambda index: -score[index])  # stable: equal scores stay in `order`
        hits.append(any(correct[index] for index in ranked[:k]))
    result = reward_pass_at_k(torch.tensor([correct]), torch.tensor([score]), k)
    assert result.item() == pytest.approx(sum(hits) / len(hits), abs=1e-12)


@given(scored(), st.integers(1, 6), st.sampled_from([-1.0, 0.0, 0.5, 1.0]))
def test_balance_score_is_enough_times_right(
    case: tuple[list[bool], list[float], int], wanted: int, threshold: float
) -> None:
    correct, score, _ = case
    kept = [right for right, value in zip(correct, score, strict=True) if value > threshold]
    expected = min(sum(kept) / wanted, 1) * sum(kept) / len(kept) if kept else 0.0
    result = balance_score(torch.tensor([correct]), torch.tensor([score]) > threshold, wanted)
    assert result.tolist() == [pytest.approx(expected, abs=1e-12)]
    metric = BalanceScore(threshold, wanted)
    metric.update(torch.tensor([correct]), torch.tensor([score]))
    assert metric.compute().item() == pytest.approx(expected, abs=1e-12)


def test_balance_score_by_hand() -> None:
    correct = torch.tensor([[True, True, False, False], [True, True, True, True], [False] * 4, [True] * 4])
    kept = torch.tensor([[True, False, True, False], [True] * 4, [True] * 4, [False] * 4])
    values = balance_score(correct, kept, 2)
    assert values.tolist() == [1 / 2 * 1 / 2, 1, 0, 0]
    assert values.dtype == torch.float64


def test_closed_forms_by_row() -> None:
    correct = torch.tensor([[True, False, False, False], [True, True, False, False], [False] * 4, [True] * 4])
    assert pass_at_k(correct, 2).tolist() == pytest.approx([1 / 2, 5 / 6, 0, 1], abs=1e-15)
    score = torch.tensor([[0.1, 0.9, 0.5, 0.2], [0.5, 0.1, 0.5, 0.9], [1.0] * 4, [0.0] * 4])
    assert reward_pass_at_k(correct, score, 2).tolist() == pytest.approx([0, 1 / 2, 0, 1], abs=1e-15)
    assert pass_at_k(correct, 2).dtype == torch.float64


@pytest.mark.parametrize(("right", "k"), [(1, 5000), (3, 17), (40, 100), (9999, 1), (9999, 5000), (9990, 11)])
def test_ten_thousand_responses(right: int, k: int) -> None:
    n = 10_000
    expected = float(1 - Fraction(comb(n - right, k), comb(n, k)))
    correct = (torch.arange(n) < right)[None]
    assert pass_at_k(correct, k).item() == pytest.approx(expected, rel=1e-11)
    assert reward_pass_at_k(correct, torch.zeros(1, n), k).item() == pytest.approx(expected, rel=1e-11)


def test_bad_k() -> None:
    for make in (PassAtK, RewardPassAtK):
        with pytest.raises(ValueError, match="k is 0; it must be at least 1"):
            make(0)
    with pytest.raises(ValueError, match="k is 0; with 4 responses"):
        pass_at_k(torch.ones(2, 4, dtype=torch.bool), 0)


def test_bad_scores() -> None:
    correct = torch.ones(2, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"score is \(2, 1\); it must be \(2, 2\)"):
        reward_pass_at_k(correct, torch.zeros(2, 1), 1)
    with pytest.raises(ValueError, match="score has a NaN"):
        reward_pass_at_k(correct, torch.tensor([[0.0, float("nan")], [0.0, 0.0]]), 1)
