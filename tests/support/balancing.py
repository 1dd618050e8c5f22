"""Policies that are best at a known temperature, and what a `TemperatureBalancer` measured of them."""

from __future__ import annotations

from typing import Any

from lit_mstar import Problem
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import right, wrong

GRID = [0.3, 0.7, 1.1, 1.5]


def solved(problem: Problem, temperature: float, peak: float) -> bool:
    """Of the 4 problems v0…v3, fewer are solved the further the temperature is from the peak."""
    return int(problem.id[1:]) % 4 < 4 - round(abs(temperature - peak) / 0.4)


def peaked(peak: float) -> Any:
    """Correct responses at index 2 only, and there only near the peak."""

    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        if problem.id.startswith("p"):
            return right(problem, index)
        return (
            right(problem, index)
            if index == 2 and solved(problem, sampling.temperature, peak)
            else wrong(problem, index)
        )

    return rule


def score_right(problem: Problem, response: Any) -> float:
    return 0.9 if response.correct else 0.1


def measured(evolution: Any) -> list[float]:
    """The temperatures of the validation problems' samples, in order; greedy ones aside."""
    return [s.temperature for ids, s in evolution.sampler.calls if ids[:1] == ["v0"] and s.temperature > 0]


def trained(evolution: Any) -> list[float]:
    return [s.temperature for ids, s in evolution.sampler.calls if ids[0].startswith("p")]
