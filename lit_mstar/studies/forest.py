"""The picture of a study's claims: each difference by seed, its intervals, its ceiling, and what would matter."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lit_mstar.studies.claims import against
from lit_mstar.studies.intervals import Estimate
from lit_mstar.studies.verdicts import Comparison, Judged

_COLORS = {"seen": "tab:green", "seen, uncorrected": "tab:olive", "the opposite": "tab:red", "not seen": "tab:blue"}
_ELSE = "tab:gray"
_WIDTH = 60  # characters of a label's line (ours)
_BESIDE = 0.25  # seeds are drawn below the interval


def claims_figure(judged: Sequence[Judged]) -> Figure:
    """One line per difference; those of shares in points above, all others below."""
    sides = [part for percent in (True, False) if (part := [x for x in judged if x.finding.percent is percent])]
    sizes = [sum(len(claim.comparisons) for claim in side) for side in sides]
    figure = Figure(figsize=(11, 1.3 + 0.5 * sum(sizes)), layout="constrained")
    for axes, side in zip(figure.subplots(len(sides), 1, squeeze=False, height_ratios=sizes)[:, 0], sides, strict=True):
        _forest(axes, side)
    return figure


def _forest(axes: Axes, judged: Sequence[Judged]) -> None:
    scale = 100 if judged[0].finding.percent else 1
    lines = [(claim, each) for claim in judged for each in claim.comparisons]
    for height, (claim, each) in enumerate(lines):
        axes.fill_betweenx([height - 0.5, height + 0.5], 0, scale * claim.worth, color="tab:blue", alpha=0.08, lw=0)
        _line(axes, height, each, _COLORS.get(claim.verdict, _ELSE), scale)
        if claim.ceiling:
            axes.plot(scale * claim.ceiling.mean, height, "d", color="black", markersize=5, fillstyle="none")
    axes.axvline(0, color="black", lw=0.8)
    names = [f"{fill(against(each), _WIDTH)}\n{claim.verdict}" for claim, each in lines]
    axes.set_yticks(range(len(lines)), names, fontsize=7)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    unit = "points" if scale == 100 else "difference"
    axes.set_xlabel(
        f"{unit}; dots: seeds; thick: 95%, thin: all together\ndiamond: ceiling; shaded: what would not matter"
    )


def _line(axes: Axes, height: int, each: Comparison, color: str, scale: float) -> None:
    beside = [height + _BESIDE] * len(each.gaps)
    axes.plot(
        [scale * gap for gap in each.gaps], beside, "o", color=color, alpha=0.5, markersize=3.5, markeredgewidth=0
    )
    for estimate, width in ((each.corrected, 1.0), (each.gap, 3.0)):
        _bar(axes, height, estimate, color, width, scale)
    axes.plot(scale * each.gap.mean, height, "|", color=color, markersize=13, markeredgewidth=2)


def _bar(axes: Axes, height: int, estimate: Estimate, color: str, width: float, scale: float) -> None:
    margin = np.nan_to_num(estimate.margin)
    ends = [scale * (estimate.mean - margin), scale * (estimate.mean + margin)]
    axes.plot(ends, [height, height], color=color, lw=width, solid_capstyle="butt")
