"""A chart on the page: drawn, with what it means and its numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure
from scipy.stats import binomtest

from lit_mstar.charts.curves import Curve, curves
from lit_mstar.charts.theme import styled, svg
from lit_mstar.report.sections.headline import share
from lit_mstar.report.tally import Tally


@dataclass(frozen=True)
class Chart:
    """A chart of the page.

    Args:
        title: What one sees.
        note: What it means.
        svg: The drawing.
        header: Of the table below it.
        rows: Of the same numbers.
    """

    title: str
    note: str
    svg: str
    header: Sequence[str] = field(default_factory=tuple)
    rows: Sequence[Sequence[str]] = field(default_factory=tuple)


def chart(
    title: str, note: str, figure: Figure, header: Sequence[str] = (), rows: Sequence[Sequence[str]] = ()
) -> Chart:
    """A chart, drawn."""
    with styled():
        return Chart(title, note, svg(figure, title), header, rows)


def over_iterations(
    title: str, note: str, found: Sequence[Tally], names: dict[str, str], percent: bool = True, valid: int = 0
) -> list[Chart]:
    """A chart of measures by iteration; none where no iteration has one of them.

    Args:
        title: The chart's.
        note: What it means.
        found: The iterations.
        names: Measures in the ledger's headers, and what each is called here.
        percent: They are shares.
        valid: Over how many problems a share is; its 95% intervals are drawn if this is known.
    """
    lines = {}
    for name, label in names.items():
        points = [(t.index, value) for t in found if (value := t.metrics.get(name)) is not None]
        if points:
            lines[label] = _curve(points, valid)
    return [drawn(title, note, lines, percent)] if lines else []


def drawn(title: str, note: str, lines: dict[str, Curve], percent: bool = True) -> Chart:
    """A chart of curves, and its table."""
    xs = sorted({x for curve in lines.values() for x in curve.xs})
    values = {label: dict(zip(curve.xs, curve.ys, strict=True)) for label, curve in lines.items()}
    rows = [[f"{x:g}", *(_cell(values[label].get(x), percent) for label in lines)] for x in xs]
    return chart(title, note, curves(lines, percent), ("iteration", *lines), rows)


def share_interval(right: float, number: float) -> tuple[float, float]:
    """Wilson's 95% interval of a share; of a mean that is none, such as Pass@K, about."""
    found = binomtest(round(right), round(number)).proportion_ci(0.95, "wilson")
    return float(found.low), float(found.high)


def _curve(points: Sequence[tuple[int, float]], valid: int) -> Curve:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    ends = [share_interval(y * valid, valid) for y in ys] if valid else []
    return Curve(xs, ys, [low for low, _ in ends], [high for _, high in ends])


def _cell(value: float | None, percent: bool) -> str:
    return "" if value is None else share(value) if percent else f"{value:.2f}"
