"""Names beside the ends of lines, moved apart where they would lie upon each other."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

_HEIGHT = 11.5  # points that a name takes
_SHARE = 0.7  # of a figure's height that the axes take
_LONGEST = 18  # characters of a name


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Places at least `gap` apart, each as near to where it was as their order and the others let it be.

    Pools of neighbours that would touch share the mean of what they want (isotonic regression by pool adjacent
    violators), which moves names as little as possible in the sense of least squares.
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    pools: list[list[float]] = []  # [sum of wanted offsets, number]
    for rank, i in enumerate(order):
        pools.append([places[i] - rank * gap, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, number = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += number
    offsets = [total / number for total, number in pools for _ in range(int(number))]
    found = [0.0] * len(places)
    for rank, i in enumerate(order):
        found[i] = offsets[rank] + rank * gap
    return found


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
