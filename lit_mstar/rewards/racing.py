"""Racing temperatures: all are judged on a few problems, and the better ones on more, while that decides something.

Three savings. Whatever is beaten beyond the error is dropped, and so is the worse half after each round, as in
successive halving (Karnin et al. 2013, "Almost optimal exploration in multi-armed bandits"). Differences are paired by
problem, and taken from a parabola through the temperatures still in the race: what a policy is worth changes smoothly
with the temperature, so neighbours tell about each other. And a difference that is worth nothing is not pursued.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lit_mstar.rewards.balance import Choice, Rule, Worth, best, choose

Judge = Callable[[int, int], Worth]
"""The worth of a temperature, by its place in the grid, on the first so many problems of an order that all share."""


def race(
    judge: Judge, grid: Sequence[float], total: int, first: int, worth: float, rule: Rule, current: float
) -> tuple[list[Worth], Choice]:
    """The temperature to go on with, judging each on as few problems as that takes.

    Round by round the number of problems doubles. After each, those stay that are not below the best by more than one
    standard error of the paired difference, and of these at most the better half (two at least). It ends when one is
    left, when none of those left can be better than the best by more than `worth`, or with the problems. Problems that
    have no value at one of the temperatures (NaN) are not compared.

    Args:
        judge: Asked with rising numbers, so that it can go on from what it has sampled.
        grid: The temperatures, ascending.
        total: How many problems there are.
        first: How many are judged at all temperatures.
        worth: The largest difference that does not matter, in the criterion's unit.
        rule: See `balance.choose`, which takes one of the last round's by the parabola's values. For "significant" the
            temperature nearest to the current one is dropped by its error alone; once it is, the highest is taken.
        current: The temperature of the iterations so far.

    Returns:
        What each temperature was worth, on as many problems as it was judged on (`len(worth.each)`), and the choice.
    """
    curve: dict[int, Worth] = {}
    left, count = list(range(len(grid))), min(first, total)
    nearest = _nearest(grid, current)[0]
    while True:
        spared = rule == "significant" and nearest in left
        curve |= {place: judge(place, count) for place in left}
        fitted = smoothed([grid[place] for place in left], [curve[place] for place in left])
        stay, decided = _stay([grid[place] for place in left], fitted, worth, spared, current)
        if decided or count == total:
            break
        left, count = [left[i] for i in stay], min(2 * count, total)
    chosen = choose(rule if nearest in left else "argmax", [grid[place] for place in left], fitted, current)
    close = [left[i] for i in chosen.close]
    return [curve[place] for place in range(len(grid))], Choice(left[chosen.place], chosen.why, close)


def smoothed(grid: Sequence[float], curve: Sequence[Worth]) -> list[Worth]:
    """The values of the parabola that fits a curve best (least squares), for each problem and for their mean.

    Up to three temperatures keep their own. The fit is linear in what each problem contributes, so standard errors and
    paired differences follow from the problems as before.

    Args:
        grid: T temperatures.
        curve: What each is worth; all of the same problems.
    """
    each = torch.stack([worth.each for worth in curve if worth.each is not None])  # (T, B)
    each = each[:, ~each.isnan().any(0)]
    place = torch.tensor(grid, dtype=torch.float64)
    powers = torch.stack([(place - place.mean()) ** power for power in range(min(3, len(grid)))], 1)
    basis = torch.linalg.qr(powers).Q
    each = basis @ (basis.T @ each)
    return [Worth(float(row.mean()), _error(row), worth.threshold, row) for row, worth in zip(each, curve, strict=True)]


def _stay(
    grid: Sequence[float], fitted: Sequence[Worth], worth: float, spared: bool, current: float
) -> tuple[list[int], bool]:
    """Which of a round's temperatures go on, and whether it does not matter any more which of them is taken.

    The nearest to the current one may be spared the cut to the better half.
    """
    near = _nearest(grid, current)
    top = near[best([fitted[i].value for i in near])]
    gaps = [_gap(fitted[top], other) for other in fitted]
    unbeaten = [i for i in near if round(gaps[i][0] - gaps[i][1], 12) <= 0]
    half = sorted(unbeaten, key=lambda i: round(gaps[i][0], 12))[: max(2, math.ceil(len(grid) / 2))]
    stay = sorted({*half, *(near[:1] if spared and near[0] in unbeaten else [])})
    return stay, all(round(gaps[i][0] + gaps[i][1], 12) <= worth for i in stay)


def _nearest(grid: Sequence[float], current: float) -> list[int]:
    """The places of temperatures, nearest to the current one first; of two as near, the lower."""
    return sorted(range(len(grid)), key=lambda i: (round(abs(grid[i] - current), 12), grid[i]))


def _gap(one: Worth, other: Worth) -> tuple[float, float]:
    """The difference between two and its standard error, paired by problem; infinite for fewer than two problems."""
    if one is other:
        return 0.0, 0.0
    assert one.each is not None and other.each is not None, "fitted from them"  # noqa: S101, PT018
    gaps = one.each - other.each
    return (float(gaps.mean()), _error(gaps)) if len(gaps) > 1 else (0.0, math.inf)


def _error(values: Tensor) -> float:
    return float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.inf
