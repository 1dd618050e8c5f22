"""The seam to whoever scores steps: rollouts in, one number per step out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from lit_mstar.rewards.aggregation import Aggregation
from lit_mstar.rollouts.nouns import Rollout

Scores = list[list[list[float]]]
"""`scores[i][j][s]`: step s of response j of rollout i."""


class StepScorer(ABC):
    """Gives each step of a response a number. Derive from it and name yours by `class_path`.

    Whoever asks for scores goes through `require_scores`, so a scorer need not check its own.
    """

    bounds: tuple[float, float] = (0.0, 1.0)
    """Between which its scores lie, both included."""
    threshold: float = 0.5
    """The least score of a step that counts as right."""
    aggregation: Aggregation = "min"
    """How its steps' scores become a response's."""

    def check(self) -> None:
        """Refuses, before any expensive work, what could not score.

        Raises:
            ValueError: With what is wrong and what to do.
        """

    def place(self, device: torch.device) -> None:
        """Makes it ready to score on a device; called before each round of scoring."""

    @abstractmethod
    def score(self, rollouts: Sequence[Rollout]) -> Scores:
        """Scores every step of every response. The problems' reference answers are none of its business.

        Returns:
            `scores[i][j][s]` within `bounds`: step s of response j of rollout i.
        """

    def rest(self) -> None:
        """Lends its memory to training until the next `place`."""

    def close(self) -> None:
        """Gives its resources back for good."""

    def settings(self) -> str:
        """All that decides its scores, as a text: another text means that steps are to be scored anew."""
        given = {name: value for name, value in sorted(vars(self).items()) if not name.startswith("_")}
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items() if " at 0x" not in repr(value))
        return f"{type(self).__module__}.{type(self).__qualname__}({shown})"

    def said(self) -> str:
        """What went wrong with some steps since it was last asked, in a sentence; empty where nothing did."""
        return ""


def require_scores(scorer: StepScorer, rollouts: Sequence[Rollout]) -> Scores:
    """A scorer's scores, checked; it sees neither reference answers nor what is right.

    Raises:
        ValueError: If there is not one number per step, or one is not finite or outside the scorer's bounds.
    """
    scores = scorer.score([_hidden(rollout) for rollout in rollouts])
    name = type(scorer).__name__
    if len(scores) != len(rollouts):
        raise ValueError(f"{name} gave scores of {len(scores)} problems for {len(rollouts)}.")
    for rollout, of_rollout in zip(rollouts, scores, strict=True):
        whose = f"problem {rollout.problem.id!r}"
        if len(of_rollout) != len(rollout.responses):
            raise ValueError(
                f"{name} gave scores of {len(of_rollout)} responses to {whose}, which has {len(rollout.responses)}."
            )
        for index, (response, found) in enumerate(zip(rollout.responses, of_rollout, strict=True)):
            _require(found, len(response.steps), scorer.bounds, f"{name}, {whose}, response {index}")
    return scores


def _hidden(rollout: Rollout) -> Rollout:
    problem = replace(rollout.problem, answer=None, accepted=(), reasoning=None)
    return Rollout(problem=problem, responses=[replace(x, correct=None, rule="") for x in rollout.responses])


def _require(found: Sequence[Any], steps: int, bounds: tuple[float, float], where: str) -> None:
    if len(found) != steps:
        raise ValueError(f"{where}: {len(found)} scores for {steps} steps. A scorer must take the steps as they are.")
    for step, value in enumerate(found):
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(
                f"{where}: the score of step {step} is {value!r}; a scorer must give finite numbers. Look at its "
                "weights and its precision (bf16 instead of fp16)."
            )
        if not bounds[0] <= value <= bounds[1]:
            raise ValueError(f"{where}: the score of step {step} is {value:g}, outside {bounds[0]:g} to {bounds[1]:g}.")
