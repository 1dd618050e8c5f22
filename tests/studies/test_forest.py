from __future__ import annotations

import numpy as np
import pytest

from lit_mstar.studies.definition import Study
from lit_mstar.studies.forest import claims_figure
from lit_mstar.studies.nouns import Ceiling, Finding, Plan, Quantity
from lit_mstar.studies.results import Result
from lit_mstar.studies.verdicts import judge

VALUES = {"cold": [0.4, 0.5, 0.75], "hot": [0.3, 0.2, 0.25], "best": [0.8, 0.9, 1.1]}
RUNS = [
    Result(variant=name, seed=seed, metrics={"test_accuracy": value, "kept": 10 * value})
    for name, column in VALUES.items()
    for seed, value in enumerate(column)
]
COLD, HOT, BEST = (Quantity(variant=name) for name in VALUES)
KEPT = {name: Quantity(variant=name, metric="kept") for name in VALUES}
STUDY = Study(
    title="Heat",
    recipe="r",
    variants=dict.fromkeys(VALUES),
    plan=Plan(difference=0.05),
    findings=[
        Finding(claim="c", more=COLD, less=[HOT, BEST], ceiling=Ceiling(more=BEST, less=HOT)),
        Finding(claim="k", more=KEPT["best"], less=[KEPT["hot"]], percent=False, difference=1.0),
    ],
)


def test_each_difference_is_drawn_where_it_is():
    judged = judge(STUDY, RUNS)
    shares, plain = claims_figure(judged).axes
    for axes, claim, scale in ((shares, judged[0], 100), (plain, judged[1], 1)):
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        thin, thick = ([line for line in axes.lines if line.get_linewidth() == width] for width in (1.0, 3.0))
        assert len(axes.get_yticks()) == len(dots) == len(thin) == len(thick) == len(claim.comparisons)
        for height, each in enumerate(claim.comparisons):
            assert dots[height].get_xydata() == pytest.approx(
                np.array([[scale * gap, height + 0.25] for gap in each.gaps])
            )
            for line, found in ((thick[height], each.gap), (thin[height], each.corrected)):
                assert list(line.get_xdata()) == pytest.approx([scale * found.low, scale * found.high])
        assert axes.yaxis_inverted()
    (*diamonds,) = [line for line in shares.lines if line.get_marker() == "d"]
    assert [list(line.get_xdata()) for line in diamonds] == [[pytest.approx(100 * judged[0].ceiling.mean)]] * 2
    assert not [line for line in plain.lines if line.get_marker() == "d"]


def test_verdicts_are_told_by_name():
    shares, plain = claims_figure(judge(STUDY, RUNS)).axes
    assert [label.get_text() for label in shares.get_yticklabels()] == [
        "cold - hot (test_accuracy)\nthe opposite",
        "cold - best (test_accuracy)\nthe opposite",
    ]
    assert [label.get_text() for label in plain.get_yticklabels()] == ["best - hot (kept)\nseen, uncorrected"]


def test_what_would_not_matter_is_shaded():
    shares, plain = claims_figure(judge(STUDY, RUNS)).axes
    for axes, edge in ((shares, 5.0), (plain, 1.0)):
        points = np.concatenate([path.vertices for band in axes.collections for path in band.get_paths()])
        assert (points[:, 0].min(), points[:, 0].max()) == pytest.approx((0.0, edge))


def test_a_single_seed_is_drawn_without_an_interval():
    (axes, _) = claims_figure(judge(STUDY, [run for run in RUNS if run.seed == 0])).axes
    widths = [np.ptp(line.get_xdata()) for line in axes.lines if line.get_linewidth() in (1.0, 3.0)]
    assert widths == [0.0] * 4
