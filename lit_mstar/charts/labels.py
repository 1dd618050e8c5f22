"""Names beside the ends of lines, moved apart where they would lie upon each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

_HEIGHT = 11.5  # points that a name takes
_SHARE = 0.7  # of a figure's height that the axes take
_LONGEST = 18  # characters of a name


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Places at least `gap` apart, each as near to where it was, in squares, as their order and the others let it be.

    Less `gap` for each one before it, places that are apart do not fall: isotonic regression finds the nearest.
    """
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(order))
    found = np.empty(len(order))
    found[order] = isotonic_regression(np.asarray(places)[order] - steps).x + steps
    return [float(place) for place in found]


def name_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Writes names right of the ends of lines, given as (x, y, name, colour) in the axes' units."""
    low, high = axes.get_ylim()
    figure = cast(Figure, axes.get_figure(root=True))
    height = figure.get_figheight() * 72 * _SHARE / (high - low)  # points per unit, about
    wanted = [y * height for _, y, _, _ in ends]
    for (x, y, name, colour), place in zip(ends, spread(wanted, _HEIGHT), strict=True):
        axes.annotate(
            name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…",
            (x, y),
            xytext=(6, place - y * height),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
            annotation_clip=False,
        )
