"""A study's pictures: every variant with its interval and seeds, what is claimed, and how iterations went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lit_mstar.files import atomic
from lit_mstar.studies.definition import Study
from lit_mstar.studies.forest import claims_figure
from lit_mstar.studies.intervals import Estimate, by_seed, estimate, paired
from lit_mstar.studies.nouns import Quantity, Table
from lit_mstar.studies.results import Result
from lit_mstar.studies.verdicts import judge


def draw(study: Study, results: Sequence[Result], folder: Path, prefix: str) -> list[str]:
    """Writes the pictures into a folder; returns their names."""
    names = []
    for number, table in enumerate(study.tables, start=1):
        names.append(f"{prefix}-{number}.png")
        _save(_intervals(study, table, results), folder / names[-1])
    if study.findings:
        names.append(f"{prefix}-claims.png")
        _save(claims_figure(judge(study, results)), folder / names[-1])
    if study.curves and any(result.iterations for result in results):
        names.append(f"{prefix}-iterations.png")
        _save(_curves(study, results), folder / names[-1])
    if study.over_n:
        names.append(f"{prefix}-over-n.png")
        _save(_over_n(study, results), folder / names[-1])
    return names


def _intervals(study: Study, table: Table, results: Sequence[Result]) -> Figure:
    """One line per row of a table: on the left means and seeds, on the right what is left of it paired by seed."""
    rows, scale = study.rows(table), 100 if table.percent else 1
    reference = rows[table.reference]
    figure = Figure(figsize=(10, 0.9 + 0.38 * len(rows)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    for height, quantity in enumerate(rows.values()):
        values = [scale * value for value in by_seed(results, quantity).values()]
        left.plot(values, [height] * len(values), "o", color="tab:gray", alpha=0.4, markersize=4)
        _interval(left, height, estimate(values))
        if quantity != reference:
            gaps = [scale * gap for gap in paired(results, quantity, reference)]
            right.plot(gaps, [height] * len(gaps), "o", color="tab:gray", alpha=0.4, markersize=4)
            _interval(right, height, estimate(gaps))
    left.axvline(
        scale * estimate([*by_seed(results, reference).values()]).mean, color="tab:blue", lw=0.8, linestyle=":"
    )
    right.axvline(0, color="tab:blue", lw=0.8, linestyle=":")
    left.set_yticks(range(len(rows)), [*rows])
    left.invert_yaxis()
    left.set_xlabel(f"{table.title}{', %' if table.percent else ''}: mean, 95% interval, seeds")
    right.set_xlabel(f"minus {table.reference}, by seed")
    return figure


def _interval(axes: Axes, height: int, value: Estimate) -> None:
    axes.errorbar(value.mean, height, xerr=np.nan_to_num(value.margin), fmt="o", color="tab:blue", capsize=3)


def _curves(study: Study, results: Sequence[Result]) -> Figure:
    """Metrics over the share of the run that is done, so that intervals of any length lie upon each other."""
    figure = Figure(figsize=(5 * len(study.curves) + 2.5, 3.6), layout="constrained")
    axes = figure.subplots(1, len(study.curves), squeeze=False)[0]
    colors = {variant: f"C{number}" for number, variant in enumerate(study.variants)}
    for panel, metric in zip(axes, study.curves, strict=True):
        for variant, color in colors.items():
            panel.plot(*_mean_curve(results, variant, metric), color=color, label=variant, marker=".", linewidth=1)
        panel.set_xlabel("share of the run")
        panel.set_title(metric)
        panel.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize="small")
    return figure


def _mean_curve(results: Sequence[Result], variant: str, metric: str) -> tuple[list[float], list[float]]:
    rows = [(row, len(run.iterations)) for run in results if run.variant == variant for row in run.iterations]
    points: dict[float, list[float]] = {}
    for row, number in rows:
        if metric in row:
            points.setdefault((row["iteration"] + 1) / number, []).append(row[metric])
    return sorted(points), [fmean(points[share]) for share in sorted(points)]


def _over_n(study: Study, results: Sequence[Result]) -> Figure:
    """What N responses give, a panel for each variant, with 95% intervals."""
    figure = Figure(figsize=(5 * len(study.variants), 3.6), layout="constrained")
    axes = figure.subplots(1, len(study.variants), squeeze=False, sharey=True)[0]
    for panel, variant in zip(axes, study.variants, strict=True):
        known = sorted({name for run in results if run.variant == variant for name in run.metrics})
        for metric in study.over_n:
            sizes = sorted(int(name.partition("/N=")[2]) for name in known if name.startswith(f"{metric}/N="))
            shares = [Quantity(variant=variant, metric=f"{metric}/N={size}") for size in sizes]
            means = [estimate([*by_seed(results, share).values()]) for share in shares]
            margins = np.nan_to_num([mean.margin for mean in means])
            panel.errorbar(sizes, [mean.mean for mean in means], yerr=margins, label=metric, capsize=2, linewidth=1)
        panel.set_xscale("log", base=2)
        panel.set_xticks(sizes, map(str, sizes))
        panel.set_xlabel("N")
        panel.set_title(variant)
        panel.grid(alpha=0.3)
    axes[0].legend(fontsize="small")
    return figure


def _save(figure: Figure, file: Path) -> None:
    with atomic(file) as partial:  # without a version in it: the same picture, the same bytes
        figure.savefig(partial, format="png", dpi=110, metadata={"Software": None})
