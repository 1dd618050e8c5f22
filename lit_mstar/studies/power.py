"""How many seeds a study needs: what a paired t-test of n seeds sees of a difference that is there.

A variance has two parts: the seeds' own (training is a matter of chance), which more seeds wash out, and that of the
test problems, which larger test sets do, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct, t

from lit_mstar.studies.intervals import paired
from lit_mstar.studies.nouns import Quantity
from lit_mstar.studies.results import Result

_MOST = 10_000  # seeds (ours): nobody runs more


def power(difference: float, sd: float, n: int, confidence: float = 0.95) -> float:
    """The probability that the interval of n paired seeds lies above zero.

    From the noncentral t distribution: P(T > t) with n - 1 degrees of freedom and noncentrality √n · difference / sd.

    Args:
        difference: What is there, in the metric's unit.
        sd: The standard deviation of the seeds' differences, in the same.
        n: Seeds, at least 2; fewer see nothing.
        confidence: Of the interval.
    """
    if n < 2:
        return 0.0
    if sd == 0:
        return float(difference > 0)
    noncentrality = min(np.sqrt(n) * difference / sd, 1e5)  # beyond which the power is 1, and scipy's NaN
    return float(nct.sf(t.ppf((1 + confidence) / 2, n - 1), n - 1, noncentrality))


def seeds_for(difference: float, sd: float, wanted: float = 0.8, confidence: float = 0.95) -> int:
    """The fewest seeds whose `power` is what is wanted; at most 10,000."""
    low, high = 2, _MOST
    while low < high:  # power grows with n
        middle = (low + high) // 2
        low, high = (low, middle) if power(difference, sd, middle, confidence) >= wanted else (middle + 1, high)
    return low


def least(sd: float, n: int, wanted: float = 0.8, confidence: float = 0.95) -> float:
    """The least difference that n seeds see with the `power` wanted; NaN of a single one."""
    if n < 2 or sd == 0:
        return float("nan") if n < 2 else 0.0
    margin = t.ppf((1 + confidence) / 2, n - 1) * sd / np.sqrt(n)
    return float(brentq(lambda difference: power(difference, sd, n, confidence) - wanted, 0, 10 * margin))


@dataclass(frozen=True)
class Spread:
    """What makes the seeds' differences differ, in the metric's unit.

    Args:
        n: Seeds that have both quantities.
        sd: The standard deviation of their differences; NaN of a single one.
        test: The part that the test problems have in it, as a standard deviation; NaN where nobody kept which were
            right.
    """

    n: int
    sd: float
    test: float

    @property
    def runs(self) -> float:
        """What is left of it however many problems there are; 0 where the test problems explain it all."""
        return float(np.sqrt(max(0.0, self.sd**2 - self.test**2))) if self.test == self.test else float("nan")


def spread(results: Sequence[Result], first: Quantity, second: Quantity) -> Spread:
    """Both parts of the variance of first minus second, paired by seed.

    The test's part is the mean over seeds of the variance of (right by the first) - (right by the second) over the M
    test problems, divided by M: both models of a seed answer the same ones.
    """
    gaps = paired(results, first, second)
    sd = float(np.std(gaps, ddof=1)) if len(gaps) > 1 else float("nan")
    return Spread(len(gaps), sd, _test_part(results, first, second))


def _test_part(results: Sequence[Result], first: Quantity, second: Quantity) -> float:
    if {first.metric, second.metric} != {"test_accuracy"} or len(first.variants) + len(second.variants) > 2:
        return float("nan")
    right = {(result.variant, result.seed): result.outcomes() for result in results if result.right}
    parts = []
    for (variant, seed), ours in right.items():
        theirs = right.get((second.variants[0], seed))
        if variant == first.variants[0] and theirs is not None and len(theirs) == len(ours) > 1:
            parts.append(np.var(ours.astype(float) - theirs, ddof=1) / len(ours))
    return float(np.sqrt(np.mean(parts))) if parts else float("nan")
