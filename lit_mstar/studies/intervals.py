"""Means over seeds, and differences paired by seed, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from lit_mstar.studies.nouns import Quantity
from lit_mstar.studies.results import Result


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
    """A quantity's value for each seed; of several variants the largest, for seeds that have them all.

    Raises:
        ValueError: If no run measured it.
    """
    columns = [_of_variant(results, name, quantity.metric) for name in quantity.variants]
    common = set.intersection(*(set(column) for column in columns))
    return {seed: max(column[seed] for column in columns) for seed in columns[0] if seed in common}


def paired(results: Sequence[Result], first: Quantity, second: Quantity) -> list[float]:
    """First minus second, by seed: what both owe to the seed (warmup, problems, random numbers) cancels out.

    Raises:
        ValueError: If no run measured one of them, or no seed has both.
    """
    ours, theirs = by_seed(results, first), by_seed(results, second)
    if not (common := sorted(ours.keys() & theirs.keys())):
        raise ValueError(f"{first} and {second} have no seed in common: {sorted(ours)} and {sorted(theirs)}.")
    return [ours[seed] - theirs[seed] for seed in common]


def difference(results: Sequence[Result], first: Quantity, second: Quantity, confidence: float = 0.95) -> Estimate:
    """The mean of `paired`, with its interval."""
    return estimate(paired(results, first, second), confidence)


def _of_variant(results: Sequence[Result], variant: str, metric: str) -> dict[int, float]:
    runs = [result for result in results if result.variant == variant]
    values = {run.seed: run.metrics[metric] for run in runs if metric in run.metrics}
    if not values:
        known = ", ".join(sorted({name for run in runs for name in run.metrics})) or "nothing"
        raise ValueError(f"{variant!r} did not measure {metric!r}; it measured {known}.")
    return values
