"""What a sampling temperature is worth: the criteria of `TemperatureBalancer`, from what was sampled at it.

Notation: B problems, N responses each.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from torch import Tensor

from lit_mstar.rewards.metrics import BalanceScore, PassAtK, ProblemMean, RewardPassAtK

By = Literal["reward_pass", "pass", "balance"]
Rule = Literal["argmax", "significant"]


@dataclass(frozen=True)
class Worth:
    """A mean over problems with its standard error, and the score threshold it is reached with, if there is one.

    `each` has what every problem contributes, float64 (B,); NaN where one is left out.
    """

    value: float
    standard_error: float
    threshold: float | None = None
    each: Tensor | None = field(default=None, compare=False, repr=False)

    @property
    def problems(self) -> int:
        """How many problems it was judged on, those left out of the mean among them; 0 where `each` is unknown."""
        return 0 if self.each is None else len(self.each)


class Choice(NamedTuple):
    """Which temperature of a grid is taken, why, and which are within one standard error of the highest."""

    place: int
    why: str
    close: list[int]


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
    return max(range(len(values)), key=lambda i: _rounded(values[i]))


def choose(rule: Rule, grid: Sequence[float], curve: Sequence[Worth], current: float) -> Choice:
    """The temperature to go on with.

    Args:
        rule: "argmax" takes the highest worth; of several, the temperature nearest to the current one, then the lower.
            "significant" (ours) keeps the temperature nearest to the current one, unless the highest is better by more
            than the standard error of the difference, paired by problem: below that, they cannot be told apart.
        grid: The temperatures, ascending.
        curve: What each is worth.
        current: The temperature of the iterations so far.
    """
    order = sorted(range(len(grid)), key=lambda i: (_rounded(abs(grid[i] - current)), grid[i]))
    top = max(order, key=lambda i: _rounded(curve[i].value))  # the first of equals
    close = [i for i in range(len(grid)) if not _exceeds(curve[top], curve[i])]
    if rule == "significant":
        kept = order[0]
        if kept in close:
            return Choice(kept, "the highest" if kept == top else "none is better beyond the error", close)
        return Choice(top, "better beyond the error", close)
    tied = sum(_rounded(worth.value) == _rounded(curve[top].value) for worth in curve)
    return Choice(top, "the highest" if tied == 1 else f"the nearest of {tied} equals", close)


def _rounded(value: float) -> float:
    return round(value, 12)  # what only rounding tells apart is equal


def _exceeds(worth: Worth, other: Worth) -> bool:
    """Whether one is better by more than the standard error of their difference, problem by problem."""
    if worth.each is None or other.each is None:
        return worth.value > other.value
    gaps = worth.each - other.each
    gaps = gaps[~gaps.isnan()]
    error = float(gaps.std() / math.sqrt(len(gaps))) if len(gaps) > 1 else math.inf
    return _rounded(worth.value - other.value - error) > 0


def curve_metrics(name: str, grid: Sequence[float], curve: Sequence[Worth]) -> dict[str, float]:
    """What is logged of the worths of all temperatures."""
    metrics: dict[str, float] = {}
    for temperature, worth in zip(grid, curve, strict=True):
        metrics[f"balance/{name}/T={temperature:g}"] = worth.value
        metrics[f"balance/standard_error/T={temperature:g}"] = worth.standard_error
        metrics[f"balance/problems/T={temperature:g}"] = float(worth.problems)
        if worth.threshold is not None:
            metrics[f"balance/threshold/T={temperature:g}"] = worth.threshold
    return metrics


def _worth(metric: ProblemMean, correct: Tensor, score: Tensor | None, threshold: float | None = None) -> Worth:
    metric.update(correct, score)
    return Worth(float(metric.compute()), float(metric.standard_error()), threshold, metric.each)
