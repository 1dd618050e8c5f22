from __future__ import annotations

from typing import Any

import pytest

from lit_mstar import Problem
from lit_mstar.callbacks import CollapseGuard, TrainingDynamics
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import right


def repeating(distinct: int) -> Any:
    """A rule that says so many different things."""

    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        return right(problem, index % distinct)

    return rule


def test_a_collapsed_policy_ends_the_run_before_it_learns(evolution: Any) -> None:
    with pytest.raises(RuntimeError, match=r"Iteration 0: of 8 .* temperature 1, only a share of 0.12 is distinct"):
        evolution(repeating(1), [CollapseGuard(0.15)], n=8)
    assert evolution.trainer.global_step == 0
    assert not evolution.ledger.is_rewarded(0)
    assert len(evolution.ledger.sampled(0)) == 4  # what was sampled is kept


@pytest.mark.parametrize(("n", "distinct"), [(8, 2), (1, 1)])
def test_a_policy_with_enough_to_say_goes_on(evolution: Any, n: int, distinct: int) -> None:
    evolution(repeating(distinct), [CollapseGuard(0.25), TrainingDynamics(k=1)], n=n)
    assert evolution.ledger.is_rewarded(0)


def test_only_training_rollouts_count(evolution: Any) -> None:
    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        return right(problem, 0 if problem.id.startswith("v") else index)

    evolution(rule, [CollapseGuard(0.9), TrainingDynamics(k=2)], n=4)
    assert evolution.metrics(0)["distinct"] == 1


@pytest.mark.parametrize("limit", [-0.1, 1.1])
def test_a_limit_that_is_no_share_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        CollapseGuard(limit)
