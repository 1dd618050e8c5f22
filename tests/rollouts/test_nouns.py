from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from lit_mstar import Iteration, Problem, Response, Rollout
from lit_mstar.rollouts.nouns import SamplingParams


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 0),
        ("n", -1),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("top_p", 0.0),
        ("top_p", 1.01),
        ("top_p", float("nan")),
        ("max_tokens", 0),
    ],
)
def test_a_value_out_of_range_is_named(name: str, value: Any):
    with pytest.raises(ValueError, match=rf"SamplingParams\.{name} is {value}"):
        SamplingParams(**{name: value})


@pytest.mark.parametrize(("name", "value"), [("n", 1), ("temperature", 0.0), ("top_p", 1.0), ("max_tokens", 1)])
def test_the_bounds_themselves_are_allowed(name: str, value: Any):
    assert getattr(SamplingParams(**{name: value}), name) == value


def test_the_defaults_are_the_papers():
    params = SamplingParams()
    assert (params.n, params.temperature, params.top_p) == (16, 1.0, 1.0)


def test_greedy_is_one_response_with_the_same_limits():
    params = SamplingParams(n=5, temperature=0.7, top_p=0.9, max_tokens=33, stop=("a", "b"), seed=4)
    assert params.greedy() == SamplingParams(n=1, temperature=0.0, max_tokens=33, stop=("a", "b"), seed=4)
    assert params.n == 5  # the original is as before


def test_problems_and_sampling_parameters_cannot_change():
    with pytest.raises(FrozenInstanceError):
        Problem(id="a", question="?").answer = "7"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        SamplingParams().n = 2  # type: ignore[misc]


def test_two_responses_share_no_lists():
    first, second = Response(text="a"), Response(text="b")
    first.steps.append("x")
    first.token_ids.append(1)
    first.step_scores.append(0.5)
    assert (second.steps, second.token_ids, second.step_scores) == ([], [], [])


def test_two_rollouts_or_iterations_share_no_lists():
    problem = Problem(id="a", question="?")
    rollouts = [Rollout(problem=problem, responses=[]) for _ in range(2)]
    rollouts[0].selected.append(0)
    assert rollouts[1].selected == []
    iterations = [Iteration(index=0, problems=[], sampling=SamplingParams()) for _ in range(2)]
    iterations[0].metrics["a"] = 1.0
    iterations[0].rollouts.append(rollouts[0])
    assert (iterations[1].metrics, iterations[1].rollouts) == ({}, [])
