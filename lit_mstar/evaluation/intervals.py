"""95% intervals of means over problems that may come in clusters: rotations of a question, questions on one image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean, its interval's ends, over how many it is, and its standard error."""

    value: float
    low: float
    high: float
    n: int
    error: float

    @classmethod
    def of(cls, figure: Mapping[str, Any]) -> Interval:
        """The interval in a figure that has more beside it."""
        return cls(**{field.name: figure[field.name] for field in fields(cls)})


def mean_interval(values: Sequence[float], clusters: Sequence[Hashable], confidence: float = 0.95) -> Interval:
    """The mean of values in [0, 1], with Wilson's interval at the effective sample size.

    p(1 - p) / v, where v is the variance of the mean with clusters as the units that were drawn (the sandwich estimator
    with G / (G - 1)), is the number of independent right-or-wrong problems that would tell as much (as in Korn and
    Graubard, 1998, for another interval); Student's t with G - 1 degrees of freedom takes the place of the normal.
    Where all values are equal, the clusters are counted instead.

    Args:
        values: One for each problem.
        clusters: To which each belongs; problems without company are clusters of one.
        confidence: Of the interval.

    Raises:
        ValueError: If there are no values.
    """
    if not len(values):
        raise ValueError("There is nothing to take the mean of.")
    found = np.asarray(values, float)
    mean, groups = float(found.mean()), len(set(clusters))
    if groups < 2:
        return Interval(mean, 0.0, 1.0, len(found), 1.0)
    variance = cluster_variance(found, clusters)
    spread = mean * (1 - mean)
    size = spread / variance if variance > 0 and spread > 0 else float(groups)
    z = float(t.ppf((1 + confidence) / 2, groups - 1))
    centre = (mean + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * float(np.sqrt(max(spread, 0.0) / size + z**2 / (4 * size**2)))
    return Interval(mean, max(0.0, centre - half), min(1.0, centre + half), len(found), float(np.sqrt(variance)))


def difference_interval(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[Hashable], confidence: float = 0.95
) -> Interval:
    """The mean of second minus first over the same problems, with Student's interval over clusters.

    Args:
        first: One value for each problem.
        second: The same problems'.
        clusters: To which each belongs.
        confidence: Of the interval.

    Raises:
        ValueError: If there are no values.
    """
    if not len(first):
        raise ValueError("There is nothing to compare: no problem is in both.")
    gaps = np.asarray(second, float) - np.asarray(first, float)
    mean, groups = float(gaps.mean()), len(set(clusters))
    if groups < 2:
        return Interval(mean, -1.0, 1.0, len(gaps), 1.0)
    # Where no problem differs, one of half a cluster would: so few have not shown that none ever does.
    variance = max(cluster_variance(gaps, clusters), (0.5 / groups) ** 2)
    error = float(np.sqrt(variance))
    half = float(t.ppf((1 + confidence) / 2, groups - 1)) * error
    return Interval(mean, max(-1.0, mean - half), min(1.0, mean + half), len(gaps), error)


def mean_of_means(means: Sequence[Interval], confidence: float = 0.95) -> Interval:
    """The mean of independent means, each weighing the same, with a normal interval (errors add up as squares)."""
    value = float(np.mean([mean.value for mean in means]))
    error = float(np.sqrt(sum(mean.error**2 for mean in means))) / len(means)
    half = float(norm.ppf((1 + confidence) / 2)) * error
    return Interval(value, value - half, value + half, sum(mean.n for mean in means), error)


def cluster_variance(values: Floats, clusters: Sequence[Hashable]) -> float:
    """The variance of the values' mean, with clusters as units: G / (G - 1) · Σ_g (Σ_i∈g (x_i - x̄))² / n²."""
    totals: dict[Hashable, float] = {}
    for value, cluster in zip(values - values.mean(), clusters, strict=True):
        totals[cluster] = totals.get(cluster, 0.0) + float(value)
    groups = len(totals)
    return groups / (groups - 1) * sum(total**2 for total in totals.values()) / len(values) ** 2
