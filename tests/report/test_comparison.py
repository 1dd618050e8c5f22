from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from scipy.stats import ttest_rel

from lit_mstar.report.comparison import page_of_many
from lit_mstar.report.page import rendered
from lit_mstar.report.run import find_run
from support.reported import write_run


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with another rate, which answers 18 test problems."""
    folder = write_run(tmp_path_factory.mktemp("others") / "faster", seed=1, after=18)
    file = folder / "4-evolve" / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config["model"]["init_args"]["optimizer"]["init_args"]["lr"] = 0.01
    file.write_text(yaml.safe_dump(config))
    return folder


def test_differences_are_paired_with_intervals(run: Path, other: Path):
    page = page_of_many([find_run(run), find_run(other)])
    first, second = [0.0] * 5 + [1.0] * 15, [0.0] * 2 + [1.0] * 18
    ends = ttest_rel(second, first).confidence_interval(0.95)
    (row,) = page.tables[0].rows
    assert row == ["tiny", "faster", "+15.0", f"{100 * ends.low:+.1f} to {100 * ends.high:+.1f}", "3", "0", "20", "0"]
    assert [card.value for card in page.cards] == ["75.0%", "90.0%"]


def test_only_what_changed_is_shown(run: Path, other: Path):
    page = page_of_many([find_run(run), find_run(other)])
    assert page.tables[1].rows == [["4-evolve", "model.optimizer.lr", "0.001", "0.01"]]
    assert page.sections[0].charts == []  # the measures are the same
    (apart,) = page.sets
    assert len(apart["problems"]) == 3
    assert [[group["l"] for group in p["g"]] for p in apart["problems"]] == [["tiny", "faster"]] * 3
    assert all("gained" in p["flags"] for p in apart["problems"])


def test_curves_are_drawn_where_they_differ(run: Path, tmp_path: Path):
    shutil.copytree(run, tmp_path / "b")
    header = tmp_path / "b/4-evolve/rollouts/iteration=0001/_iteration.json"
    said = json.loads(header.read_text())
    said["metrics"]["pass_at_k"] = 0.9
    header.write_text(json.dumps(said))
    page = page_of_many([find_run(run), find_run(tmp_path / "b")])
    (chart,) = page.sections[0].charts
    assert chart.title == "Pass@K"
    assert chart.rows == [["0", "80.0%", "80.0%"], ["1", "80.0%", "90.0%"]]
    assert "say the same" in page.notes[0]


def test_three_runs_are_held_against_the_first(run: Path, other: Path, tmp_path: Path):
    shutil.copytree(run, tmp_path / "tiny")
    page = page_of_many([find_run(run), find_run(other), find_run(tmp_path / "tiny")])
    assert [row[2] for row in page.tables[0].rows] == ["+15.0", "+0.0"]
    names = [row[1] for row in page.tables[0].rows]
    assert page.tables[0].rows[0][0] not in names  # two folders of one name are told apart by those above
    assert names[0] != names[1]
    assert all(name.endswith("/tiny") for name in (page.tables[0].rows[0][0], names[1]))
    assert "<table>" in rendered(page)


def test_a_run_that_kept_no_answers_is_named(run: Path, tmp_path: Path):
    shutil.copytree(run, tmp_path / "old")
    for file in (tmp_path / "old").rglob("tested.parquet"):
        file.unlink()
    page = page_of_many([find_run(run), find_run(tmp_path / "old")])
    assert any("not compared by problem: old" in note for note in page.notes)
    assert page.tables[0].rows == []
    assert [card.value for card in page.cards] == ["75.0%", "75.0%"]


def test_a_run_against_itself_is_refused(run: Path):
    with pytest.raises(ValueError, match="given twice; name different runs"):
        page_of_many([find_run(run), find_run(run)])


def test_what_a_comparison_lacks_is_said(run: Path, other: Path, tmp_path: Path):
    shutil.copytree(run, tmp_path / "torn")
    tested = tmp_path / "torn" / "4-evolve" / "tested.parquet"
    tested.write_bytes(tested.read_bytes()[:200])
    page = page_of_many([find_run(tmp_path / "torn"), find_run(other)], sources=False)
    assert any("files that cannot be read" in note and str(tested) in note for note in page.notes)
    assert any(note.startswith("Not all of the problems") for note in page.notes)
