"""What a sampling temperature is worth: the criteria of `TemperatureBalancer`, from what was sampled at it.

Notation: B problems, N responses each.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from lit_mstar.rewards.metrics import BalanceScore, PassAtK, ProblemMean, RewardPassAtK

By = Literal["reward_pass", "pass", "balance"]


@dataclass(frozen=True)
class Worth:
    """A mean over problems with its standard error, and the score threshold it is reached with, if there is one."""

    value: float
    standard_error: float
    threshold: float | None = None


class Criterion(ABC):
    """What every criterion does.

    Args:
        title: Its name for people.
        name: Its name in metrics.
    """

    needs_scores = True

    def __init__(self, title: str, name: str) -> None:
        self.title = title
        self.name = name

    @abstractmethod
    def __call__(self, correct: Tensor, score: Tensor | None, first: Tensor) -> Worth:
        """The worth of responses.

        Args:
            correct: bool (B, N).
            score: float (B, N); None where nothing scored them.
            first: bool (B, N): not a repetition of an earlier response's text.
        """


class RewardPass(Criterion):
    """Reward-Pass@K, the paper's: whether one of the K responses that score highest is correct."""

    def __init__(self, k: int) -> None:
        super().__init__(f"Reward-Pass@{k}", f"reward_pass_at_{k}")
        self.k = k

    def __call__(self, correct: Tensor, score: Tensor | None, first: Tensor) -> Worth:
        """See `metrics.reward_pass_at_k`."""
        return _worth(RewardPassAtK(self.k, sync_on_compute=False), correct, score)


class Pass(Criterion):
    """Pass@K, the paper's ablation: whether one of K responses is correct, whatever they score."""

    needs_scores = False

    def __init__(self, k: int) -> None:
        super().__init__(f"Pass@{k}", f"pass_at_{k}")
        self.k = k

    def __call__(self, correct: Tensor, score: Tensor | None, first: Tensor) -> Worth:
        """See `metrics.pass_at_k`."""
        return _worth(PassAtK(self.k, sync_on_compute=False), correct, score)


class Balance(Criterion):
    """B-STaR's balance score at the best of several score thresholds; among equals, at the lowest.

    As in its code, a text counts once, however often it was sampled: it would be learned only once.
    """

    def __init__(self, wanted: int, thresholds: Sequence[float], empty: Literal["zero", "skip"] = "zero") -> None:
        super().__init__("the balance score", "balance_score")
        self.wanted = wanted
        self.empty = empty
        self.thresholds = sorted(float(threshold) for threshold in thresholds)

    def __call__(self, correct: Tensor, score: Tensor | None, first: Tensor) -> Worth:
        """See `metrics.balance_score`."""
        assert score is not None, "whoever calls it looks at needs_scores"  # noqa: S101
        score = score.where(first, -math.inf)  # above no threshold
        metrics = (
            BalanceScore(threshold, self.wanted, self.empty, sync_on_compute=False) for threshold in self.thresholds
        )
        worths = [_worth(metric, correct, score, metric.threshold) for metric in metrics]
        return worths[best([worth.value for worth in worths])]


def criterion(
    by: By, k: int, wanted: int, thresholds: Sequence[float], empty: Literal["zero", "skip"] = "zero"
) -> Criterion:
    """The criterion of a name.

    Raises:
        ValueError: If there is none of that name, or it cannot be computed with such arguments.
    """
    if by not in ("reward_pass", "pass", "balance"):
        raise ValueError(f"TemperatureBalancer.by is {by!r}; it must be 'reward_pass', 'pass' or 'balance'.")
    if k < 1 or wanted < 1:
        raise ValueError(f"TemperatureBalancer.k is {k} and wanted is {wanted}; both must be at least 1.")
    if by == "balance":
        if not thresholds:
            raise ValueError("TemperatureBalancer.thresholds is empty; give it some, such as 0.0, 0.1, … 0.9.")
        return Balance(wanted, thresholds, empty)
    return RewardPass(k) if by == "reward_pass" else Pass(k)


def best(values: Sequence[float]) -> int:
    """Where the highest value is, first among equals; what only rounding tells apart is equal."""
    return max(range(len(values)), key=lambda i: round(values[i], 12))


def curve_metrics(name: str, grid: Sequence[float], curve: Sequence[Worth]) -> dict[str, float]:
    """What is logged of the worths of all temperatures."""
    metrics: dict[str, float] = {}
    for temperature, worth in zip(grid, curve, strict=True):
        metrics[f"balance/{name}/T={temperature:g}"] = worth.value
        metrics[f"balance/standard_error/T={temperature:g}"] = worth.standard_error
        if worth.threshold is not None:
            metrics[f"balance/threshold/T={temperature:g}"] = worth.threshold
    return metrics


def _worth(metric: ProblemMean, correct: Tensor, score: Tensor | None, threshold: float | None = None) -> Worth:
    metric.update(correct, score)
    return Worth(float(metric.compute()), float(metric.standard_error()), threshold)
