"""What scores say of right and wrong, over all responses of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lit_mstar.charts.rewards import histogram, reliability
from lit_mstar.report.chart import Chart, chart, share_interval
from lit_mstar.report.headline import share
from lit_mstar.report.tally import BINS, Tally

_LEAST = 5  # responses in a bin whose share is drawn


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
    return [*made, *_reliability(found)]


def _reliability(found: Sequence[Tally]) -> list[Chart]:
    scored, right, total = (
        sum((getattr(t, n) for t in found), np.zeros(BINS)) for n in ("scored", "scored_right", "score_sum")
    )
    bins = [k for k in range(BINS) if scored[k] >= _LEAST]
    if not bins:
        return []
    shares = [share_interval(right[k], scored[k]) for k in bins]
    means = [total[k] / scored[k] for k in bins]
    figure = reliability(means, [s.value for s in shares], [s.low for s in shares], [s.high for s in shares])
    rows = [[f"{m:.2f}", share(s.value), f"{s.n:,}"] for m, s in zip(means, shares, strict=True)]
    error = float(np.average(np.abs(np.subtract(means, [s.value for s in shares])), weights=scored[bins]))
    note = f"share of responses that are right, by their score; calibration error {error:.3f}"
    return [chart("Reliability of scores", note, figure, ("score", "right", "responses"), rows)]
