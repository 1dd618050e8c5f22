"""A source with hidden answers, a policy that says what it is told to, and what was kept of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lit_mstar import EvolutionCallback, Iteration, Problem, Rollout
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import ListSource, sums


def says(*answers: object) -> Any:
    """A rule that gives these answers in turn, but those of training problems are right."""

    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        said = problem.answer if problem.id.startswith("p") else answers[index]
        return f"Step 1: Take {index}.\nAnswer: {said}"

    return rule


def source(hidden: list[Problem] | None = None) -> ListSource:
    """Eight training and eight unlabeled problems, whose answers (0, 2, 4, …) the source knows."""
    known = [replace(problem, reasoning="Answer: secret") for problem in sums(8, "u")]
    return ListSource(train=sums(8), unlabeled=known if hidden is None else hidden)


class Keeping(EvolutionCallback):
    """Keeps the iterations as they are at their end."""

    def __init__(self) -> None:
        self.rollouts: list[list[Rollout]] = []

    def on_iteration_end(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        self.rollouts.append([r for r in iteration.rollouts if r.problem.id.startswith("u")])
