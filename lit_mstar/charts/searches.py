"""A temperature search: what each temperature was worth, how surely, and which was taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from lit_mstar.charts.theme import GOOD, OTHER, QUIET, SIZE, blank, styled


class Search(NamedTuple):
    """A curve over temperatures, with standard errors; `title` says of what.

    `problems` says how many each was judged on; without it, on the same.
    """

    grid: Sequence[float]
    values: Sequence[float]
    errors: Sequence[float]
    before: float
    chosen: float
    title: str = "Reward-Pass@2"
    problems: Sequence[int] = ()

    @property
    def dropped(self) -> list[bool]:
        """Which temperatures were judged on fewer problems than others."""
        return [count < max(self.problems) for count in self.problems] or [False for _ in self.grid]


def search_figure(search: Search, size: tuple[float, float] = SIZE) -> Figure:
    """The curve with one standard error up and down; a diamond is taken, the dotted line is where it was before.

    What was dropped after fewer problems stands hollow beside the line.
    """
    with styled():
        figure, axes = blank(size)
        points = [*zip(search.grid, search.values, search.errors, search.dropped, strict=True)]
        style: dict[str, Any] = {"color": QUIET, "marker": "o", "markersize": 3, "linewidth": 1.2}
        for dropped, more in ((False, {}), (True, {"linestyle": "", "markerfacecolor": "none"})):
            if drawn := [point[:3] for point in points if point[3] == dropped]:
                grid, values, errors = zip(*drawn, strict=True)
                axes.errorbar(grid, values, yerr=errors, **(style | more))
        place = min(range(len(search.grid)), key=lambda i: abs(search.grid[i] - search.chosen))
        axes.plot(search.grid[place], search.values[place], "D", color=GOOD, markersize=8, zorder=5)
        axes.axvline(search.before, color=OTHER, linestyle=":", linewidth=1.4)
        low = min(v - e for v, e in zip(search.values, search.errors, strict=True))
        high = max(v + e for v, e in zip(search.values, search.errors, strict=True))
        axes.set_ylim(max(0.0, low - 0.02), min(1.0, high) + 0.03 + 0.12 * (high - low))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("temperature (hollow: judged on fewer problems)" if any(search.dropped) else "temperature")
        axes.set_ylabel(search.title)
        top = axes.get_ylim()[1]
        late = search.before > (search.grid[0] + search.grid[-1]) / 2
        axes.annotate(
            f"before: {search.before:g}",
            (search.before, top),
            xytext=(-4 if late else 4, -2),
            textcoords="offset points",
            ha="right" if late else "left",
            va="top",
            color=OTHER,
        )
        return figure
