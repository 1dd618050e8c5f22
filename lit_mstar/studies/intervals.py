"""Means over seeds with their intervals, and what they say of a claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import t

from lit_mstar.studies.definition import Finding, Quantity
from lit_mstar.studies.results import Result

Verdict = Literal["seen", "not seen", "undecided"]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and half the width of its 95% interval (NaN for a single seed)."""

    mean: float
    margin: float

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self.mean - self.margin

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.mean + self.margin


def estimate(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """The mean with Student's t interval: mean ± t · s / √n, s with n - 1 in the denominator."""
    n = len(values)
    if n < 2:
        return Estimate(float(np.mean(values)), float("nan"))
    margin = t.ppf((1 + confidence) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return Estimate(float(np.mean(values)), float(margin))


def by_seed(results: Sequence[Result], quantity: Quantity) -> dict[int, float]:
    """A quantity's value for each seed.

    Raises:
        ValueError: If no run measured it.
    """
    runs = [result for result in results if result.variant == quantity.variant]
    values = {run.seed: run.metrics[quantity.metric] for run in runs if quantity.metric in run.metrics}
    if not values:
        known = ", ".join(sorted({name for run in runs for name in run.metrics})) or "nothing"
        raise ValueError(f"{quantity.variant!r} did not measure {quantity.metric!r}; it measured {known}.")
    return values


def difference(results: Sequence[Result], first: Quantity, second: Quantity) -> Estimate:
    """First minus second, paired by seed: what both owe to the seed (warmup, problems) cancels out.

    Raises:
        ValueError: If no run measured one of them, or no seed has both.
    """
    ours, theirs = by_seed(results, first), by_seed(results, second)
    if not (common := sorted(ours.keys() & theirs.keys())):
        raise ValueError(f"{first} and {second} have no seed in common: {sorted(ours)} and {sorted(theirs)}.")
    return estimate([ours[seed] - theirs[seed] for seed in common])


def judge(results: Sequence[Result], finding: Finding) -> tuple[Verdict, list[Estimate]]:
    """Whether a claim is seen: "more" beats every "less", each by an interval that lies wholly above zero.

    "Not seen" if one of the intervals lies wholly below zero; all else is undecided. Intervals are not corrected for
    the number of comparisons.
    """
    gaps = [difference(results, finding.more, less) for less in finding.less]
    if all(gap.low > 0 for gap in gaps):
        return "seen", gaps
    return ("not seen" if any(gap.high < 0 for gap in gaps) else "undecided"), gaps
