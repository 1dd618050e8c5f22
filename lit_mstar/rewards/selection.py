"""Which responses the policy learns from: H in the paper's reward R(ŷ) = H(1[a* = â] · R_p(ŷ)).

A selection is called with a rollout and returns the indices of the responses it keeps, in ascending order.
Only responses that are known to be correct can be kept, and of those with the same text only the first.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod

from lit_mstar.rollouts.nouns import Rollout


class Selection(ABC):
    """What every selection does; derive from it to add another."""

    @abstractmethod
    def __call__(self, rollout: Rollout) -> list[int]:
        """The indices into `rollout.responses` to keep, ascending."""


class AllCorrect(Selection):
    """Keeps every correct response.

    Args:
        distinct: Whether to keep only the first of several responses with the same text.
    """

    def __init__(self, distinct: bool = True) -> None:
        self.distinct = distinct

    def __call__(self, rollout: Rollout) -> list[int]:
        """The indices into `rollout.responses` to keep, ascending."""
        return _correct(rollout, self.distinct)


class RandomK(Selection):
    """Keeps k correct responses with different texts, drawn at random.

    The draw depends on the seed and the problem's id alone: it's the same in every run and every process.

    Args:
        k: How many to keep at most.
        seed: Of the draw.

    Raises:
        ValueError: If k is less than 1.
    """

    def __init__(self, k: int = 2, seed: int = 0) -> None:
        self.k = _at_least_one(k)
        self.seed = seed

    def __call__(self, rollout: Rollout) -> list[int]:
        """The indices into `rollout.responses` to keep, ascending."""
        candidates = _correct(rollout)
        draw = random.Random(f"{self.seed} {rollout.problem.id}")  # noqa: S311  no secret
        return sorted(draw.sample(candidates, min(self.k, len(candidates))))


class TopK(Selection):
    """Keeps the k correct responses with different texts that score highest; of equal scores, the first.

    Args:
        k: How many to keep at most.

    Raises:
        ValueError: If k is less than 1; when called, if a correct response has no score, or one that is not finite.
    """

    def __init__(self, k: int = 2) -> None:
        self.k = _at_least_one(k)

    def __call__(self, rollout: Rollout) -> list[int]:
        """The indices into `rollout.responses` to keep, ascending."""
        ranked = sorted(_correct(rollout), key=lambda index: -_score(rollout, index))
        return sorted(ranked[: self.k])


class AboveThreshold(Selection):
    """Keeps the correct responses with different texts whose score exceeds a threshold.

    Args:
        threshold: α in the paper; a score that equals it isn't enough.

    Raises:
        ValueError: When called, if a correct response has no score, or one that is not finite.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def __call__(self, rollout: Rollout) -> list[int]:
        """The indices into `rollout.responses` to keep, ascending."""
        return [index for index in _correct(rollout) if _score(rollout, index) > self.threshold]


def _correct(rollout: Rollout, distinct: bool = True) -> list[int]:
    right = [index for index, response in enumerate(rollout.responses) if response.correct is True]
    if not distinct:
        return right
    first = {rollout.responses[index].text: index for index in reversed(right)}
    return sorted(first.values())


def _score(rollout: Rollout, index: int) -> float:
    score = rollout.responses[index].score
    if score is None or not math.isfinite(score):
        raise ValueError(
            f"Response {index} of problem {rollout.problem.id!r} has score {score}. Add a callback that "
            "scores responses, or choose a selection that needs no scores (AllCorrect, RandomK)."
        )
    return score


def _at_least_one(k: int) -> int:
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1.")
    return k
