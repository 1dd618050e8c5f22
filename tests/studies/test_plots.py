from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lit_mstar.studies.definition import Study
from lit_mstar.studies.intervals import estimate
from lit_mstar.studies.nouns import Quantity, Table
from lit_mstar.studies.plots import _curves, _intervals, draw
from lit_mstar.studies.results import Result

VALUES = {"cold": [0.4, 0.5, 0.75], "hot": [0.3, 0.2, 0.25]}
KEPT = {("cold", 0): [4.0, 6.0], ("cold", 1): [6.0, 10.0], ("cold", 2): [5.0, 5.0]}
KEPT |= {("hot", 0): [1.0, 2.0, 3.0, 4.0], ("hot", 1): [3.0, 4.0, 5.0, 6.0], ("hot", 2): [2.0, 6.0]}
RESULTS = [
    Result(
        variant=name,
        seed=seed,
        metrics={"test_accuracy": value},
        iterations=[{"iteration": i, "kept": kept} for i, kept in enumerate(KEPT[name, seed])],
    )
    for name, values in VALUES.items()
    for seed, value in enumerate(values)
]
STUDY = Study(
    title="Heat",
    recipe="r",
    variants={"cold": None, "hot": None},
    tables=[
        Table(title="Accuracy", reference="hot"),
        Table(title="Plain", reference="x", percent=False, rows={"x": Quantity(variant="cold")}),
    ],
    curves=["kept"],
)


@pytest.mark.parametrize(("table", "scale"), [(STUDY.tables[0], 100), (STUDY.tables[1], 1)], ids=["percent", "plain"])
def test_intervals_and_seeds_are_drawn_where_they_are(table: Table, scale: float):
    axes = _intervals(STUDY, table, RESULTS).axes[0]
    rows = STUDY.rows(table)
    seeds = [line for line in axes.lines if line.get_color() == "tab:gray"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [*rows]
    assert len(axes.containers) == len(seeds) == len(rows)
    for height, (quantity, dots, bar) in enumerate(zip(rows.values(), seeds, axes.containers, strict=True)):
        values = scale * np.array(VALUES[quantity.variant])
        expected = estimate([*values])
        assert dots.get_xydata() == pytest.approx(np.column_stack([values, [height] * 3]))
        centre, _, (interval,) = bar.lines
        assert centre.get_xydata() == pytest.approx(np.array([[expected.mean, height]]))
        [ends] = interval.get_segments()
        assert ends == pytest.approx(np.array([[expected.low, height], [expected.high, height]]))
    reference = scale * np.mean(VALUES[rows[table.reference].variant])
    vertical = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert [list(line.get_xdata()) for line in vertical] == [[pytest.approx(reference)] * 2]
    assert axes.get_xlabel() == f"{table.title}{', %' if scale == 100 else ''}: mean, 95% interval, seeds"


def test_differences_are_drawn_paired_by_seed():
    axes = _intervals(STUDY, STUDY.tables[0], RESULTS).axes[1]
    [bar] = axes.containers  # the reference has none with itself
    expected = estimate([100 * (ours - theirs) for ours, theirs in zip(VALUES["cold"], VALUES["hot"], strict=True)])
    centre, _, (interval,) = bar.lines
    assert centre.get_xydata() == pytest.approx(np.array([[expected.mean, 0]]))
    [ends] = interval.get_segments()
    assert ends == pytest.approx(np.array([[expected.low, 0], [expected.high, 0]]))
    assert axes.get_xlabel() == "minus hot, by seed"


def test_a_single_seed_is_drawn_without_an_interval():
    alone = [result for result in RESULTS if result.seed == 0]
    for bar in _intervals(STUDY, STUDY.tables[0], alone).axes[0].containers:
        [ends] = bar.lines[2][0].get_segments()
        assert ends[0] == pytest.approx(ends[1])


def test_curves_are_means_over_seeds_at_the_same_share_of_the_run():
    figure = _curves(STUDY, RESULTS)
    cold, hot = figure.axes[0].lines
    assert (cold.get_label(), hot.get_label(), figure.axes[0].get_title()) == ("cold", "hot", "kept")
    assert cold.get_xydata() == pytest.approx(np.array([[0.5, 5.0], [1.0, 7.0]]))
    # A run of two iterations has points at the half and at the end only.
    assert hot.get_xydata() == pytest.approx(np.array([[0.25, 2.0], [0.5, 8 / 3], [0.75, 4.0], [1.0, 16 / 3]]))


def test_iterations_that_lack_a_metric_are_left_out_of_its_curve():
    lacking = [Result(variant="cold", seed=0, metrics={}, iterations=[{"iteration": 0}, {"iteration": 1, "kept": 3.0}])]
    cold, hot = _curves(STUDY, lacking).axes[0].lines
    assert cold.get_xydata() == pytest.approx(np.array([[1.0, 3.0]]))
    assert len(hot.get_xydata()) == 0


def test_the_same_results_are_the_same_bytes(tmp_path: Path):
    names = ["heat-1.png", "heat-2.png", "heat-iterations.png"]
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        assert draw(STUDY, RESULTS, tmp_path / folder, "heat") == names
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == names
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
        with Image.open(tmp_path / "first" / name) as image:
            assert image.format == "PNG"
            assert "Software" not in image.info


def test_without_iterations_there_are_no_curves(tmp_path: Path):
    plain = [Result(variant=result.variant, seed=result.seed, metrics=result.metrics) for result in RESULTS]
    assert draw(STUDY, plain, tmp_path, "heat") == ["heat-1.png", "heat-2.png"]
