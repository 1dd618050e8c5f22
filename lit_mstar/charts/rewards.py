"""What scores say of right and wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from lit_mstar.charts.labels import name_ends
from lit_mstar.charts.theme import BAD, GOOD, QUIET, SIZE, blank, styled


def histogram(right: Sequence[float], wrong: Sequence[float], size: tuple[float, float] = SIZE) -> Figure:
    """Shares of scores by bin over [0, 1]: those of right responses upwards, of wrong ones downwards.

    Args:
        right: Counts by bin, of equal widths.
        wrong: As many.
        size: In inches.
    """
    with styled():
        figure, axes = blank(size)
        edges = np.linspace(0, 1, len(right) + 1)
        up, down = (np.asarray(counts, float) / max(1.0, float(sum(counts))) for counts in (right, wrong))
        axes.bar(edges[:-1], up, width=edges[1] * 0.92, align="edge", color=GOOD)
        axes.bar(
            edges[:-1], -down, width=edges[1] * 0.92, align="edge", color=BAD, hatch="///", edgecolor=BAD, alpha=0.75
        )
        axes.axhline(0, color=QUIET, linewidth=0.8)
        top = max(float(up.max()), float(down.max()), 0.01) * 1.1
        axes.set_ylim(-top, top)
        axes.set_xlim(0, 1)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):.0%}"))
        axes.set_xlabel("score of a step")
        name_ends(axes, [(1, top * 0.6, "of right", GOOD), (1, -top * 0.6, "of wrong", BAD)])
        return figure


def reliability(
    means: Sequence[float],
    shares: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    what: str = "responses",
    good: str = "right",
    size: tuple[float, float] = SIZE,
) -> Figure:
    """Of what is in each bin of scores, the share that is good; on the line, a score is a probability.

    Args:
        means: The bins' mean scores.
        shares: Of good ones.
        low: Of the shares' 95% intervals.
        high: The upper ends.
        what: What has scores.
        good: What a high one promises.
        size: In inches.
    """
    with styled():
        figure, axes = blank(size)
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", linewidth=1.2)
        errors = np.abs(np.array([np.subtract(shares, low), np.subtract(high, shares)]))
        axes.errorbar(means, shares, yerr=errors, color=GOOD, marker="o", linewidth=1.4)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.05)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel(f"score of {what}")
        axes.set_ylabel(good)
        return figure
