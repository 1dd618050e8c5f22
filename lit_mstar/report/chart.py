"""A chart on the page: drawn, with what it means and its numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from lit_mstar.charts.curves import Curve, curves
from lit_mstar.charts.theme import styled, svg
from lit_mstar.evaluation.intervals import Interval
from lit_mstar.report.headline import mean, share
from lit_mstar.report.tally import Tally

_MANY = 2000  # from which on a share's interval is the normal one


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


def share_interval(right: float, number: float) -> Interval:
    """A share's interval, as of a mean of so many that are 0 or 1."""
    if number > _MANY:
        return _normal(right / number, number)
    return mean([1.0] * int(right) + [0.0] * int(number - right))


def _normal(value: float, number: float) -> Interval:
    error = (value * (1 - value) / number) ** 0.5
    return Interval(value, max(0.0, value - 1.96 * error), min(1.0, value + 1.96 * error), int(number), error)


def _curve(points: Sequence[tuple[int, float]], valid: int) -> Curve:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if not valid:
        return Curve(xs, ys)
    ends = [share_interval(y * valid, valid) for y in ys]
    return Curve(xs, ys, [end.low for end in ends], [end.high for end in ends])


def _cell(value: float | None, percent: bool) -> str:
    return "" if value is None else share(value) if percent else f"{value:.2f}"
