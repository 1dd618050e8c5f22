"""Measures over iterations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from lit_mstar.charts.labels import name_ends
from lit_mstar.charts.theme import DASHES, SERIES, SIZE, blank, styled


class Curve(NamedTuple):
    """Values by iteration, with their 95% intervals where they are known."""

    xs: Sequence[float]
    ys: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def curves(
    lines: Mapping[str, Curve],
    percent: bool = True,
    xlabel: str = "iteration",
    size: tuple[float, float] = SIZE,
) -> Figure:
    """Lines by name, each told from the others by colour, by dashes and by its name at its end.

    Args:
        lines: At least one value each.
        percent: The values are shares.
        xlabel: What is counted.
        size: In inches.
    """
    with styled():
        figure, axes = blank(size)
        for number, curve in enumerate(lines.values()):
            colour, dash = SERIES[number % len(SERIES)], DASHES[number % len(DASHES)]
            axes.plot(curve.xs, curve.ys, color=colour, linestyle=dash, marker="o")
            if len(curve.low):
                axes.fill_between(curve.xs, curve.low, curve.high, color=colour, alpha=0.12, linewidth=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel(xlabel)
        _scale(axes, lines, percent)
        names = zip(lines.items(), range(len(lines)), strict=True)
        name_ends(axes, [(c.xs[-1], c.ys[-1], name, SERIES[k % len(SERIES)]) for (name, c), k in names])
        return figure


def _scale(axes: Axes, lines: Mapping[str, Curve], percent: bool) -> None:
    """A scale that shows differences but makes none of noise: at least 10 points, or a tenth of the values."""
    values = [y for curve in lines.values() for y in (*curve.ys, *curve.low, *curve.high)]
    low, high = min(values), max(values)
    least = 0.1 if percent else max(abs(high), abs(low), 1e-9) / 10
    missing = max(0.0, least - (high - low)) / 2
    low, high = low - missing, high + missing
    margin = (high - low) * 0.06
    axes.set_ylim(max(low - margin, 0 if low >= 0 else low - margin), min(high + margin, 1.005 if percent else 1e300))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0 if high - low > 0.04 else 1))
