"""What scores say of right and wrong, and of true and untrue."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_mstar.charts.rewards import histogram, reliability
from lit_mstar.report.sections.chains import ByIteration
from lit_mstar.report.sections.chart import Chart, chart, share_interval
from lit_mstar.report.sections.headline import share
from lit_mstar.report.tally import BINS, Tally
from lit_mstar.rollouts.nouns import Judge

_LEAST = 5  # in a bin whose share is drawn, ours

Floats = NDArray[Any]


def reward_charts(found: Sequence[Tally]) -> list[Chart]:
    """What scores say of right and wrong, over all iterations."""
    right, wrong = (sum((getattr(t, name) for t in found), np.zeros(BINS)) for name in ("steps_right", "steps_wrong"))
    made = []
    if right.sum() and wrong.sum():
        rows = [
            [f"{k / BINS:.2f} to {(k + 1) / BINS:.2f}", f"{right[k]:,.0f}", f"{wrong[k]:,.0f}"] for k in range(BINS)
        ]
        note = "of right responses upwards, of wrong ones downwards"
        made.append(chart("Step scores", note, histogram([*right], [*wrong]), ("score", "of right", "of wrong"), rows))
    return [*made, *_responses(found)]


def step_charts(shown: ByIteration, judge: Judge) -> list[Chart]:
    """Whether scores of steps can be trusted, where somebody can tell which are true; of problems that are shown."""
    pairs = [
        (score, true)
        for rollouts in shown.values()
        for rollout in rollouts
        for response in rollout.responses
        for score, true in zip(response.step_scores, judge(rollout.problem, response.steps) or (), strict=False)
        if isfinite(score)
    ]
    scores, truth = np.array(pairs, float).reshape(-1, 2).T
    bins = np.clip((scores * BINS).astype(int), 0, BINS - 1)
    scored, right, total = (np.bincount(bins, weight, BINS) for weight in (np.ones_like(scores), truth, scores))
    return _reliability("Reliability of step scores", "steps", "true", scored, right, total)


def _responses(found: Sequence[Tally]) -> list[Chart]:
    """The same of whole responses, by whether they are right; of all of them."""
    names = ("scored", "scored_right", "score_sum")
    scored, right, total = (sum((getattr(tally, name) for tally in found), np.zeros(BINS)) for name in names)
    return _reliability("Reliability of scores", "responses", "right", scored, right, total)


def _reliability(title: str, what: str, good: str, scored: Floats, right: Floats, total: Floats) -> list[Chart]:
    """A chart from counts by bin of scores, (BINS,): how many there are, how many good ones, the sum of scores."""
    bins = [k for k in range(BINS) if scored[k] >= _LEAST]
    if not bins:
        return []
    means, shares = total[bins] / scored[bins], right[bins] / scored[bins]
    low, high = zip(*(share_interval(right[k], scored[k]) for k in bins), strict=True)
    figure = reliability([*means], [*shares], low, high, what, good)
    rows = [[f"{m:.2f}", share(s), f"{n:,.0f}"] for m, s, n in zip(means, shares, scored[bins], strict=True)]
    error = float(np.average(np.abs(means - shares), weights=scored[bins]))
    note = f"share of {what} that are {good}, by their score; calibration error {error:.3f}"
    return [chart(title, note, figure, ("score", good, what), rows)]
