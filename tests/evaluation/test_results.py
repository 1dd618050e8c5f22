"""A results folder: written, read again, shown, and compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lit_mstar.evaluation import OptionGrader, Scoring
from lit_mstar.evaluation.command import main
from lit_mstar.evaluation.comparison import compare
from lit_mstar.evaluation.graded import Graded
from lit_mstar.evaluation.published import published_rows
from lit_mstar.evaluation.results import benchmark_results, read_graded, write_graded, write_results
from lit_mstar.evaluation.tables import markdown, summary

SCORING = Scoring(
    name="MMBench-R",
    grader=OptionGrader(),
    subset={"kind": ["reasoning"]},
    groups=["kind"],
    rotations="question",
    note="made up",
)


def problem(number: int, right: bool) -> Graded:
    """Every third problem is perception; 8 and more are rotations of 0 and more."""
    return Graded(
        id=str(number),
        cluster=f"question {number % 8}",
        tags={"kind": "perception" if number % 8 % 3 == 2 else "reasoning", "question": str(number % 8)},
        official=(right,),
        ours=(right,),
        answered=(True,),
        cut=(False,),
        tokens=(None if number == 0 else number,),
        majority=right,
        best=None,
    )


def folder(home: Path, right: set[int], rows: int = 16) -> Path:
    kinds = {"greedy": [problem(number, number in right) for number in range(rows)]}
    write_graded(home / SCORING.folder / "graded.parquet", kinds)
    result = benchmark_results(SCORING, kinds)
    write_results(home, home.name, [result], markdown(home.name, [result]))
    return home


def test_graded_problems_come_back(tmp_path: Path):
    kinds = {"greedy": [problem(0, True), problem(1, False)], "sampled": [problem(2, True)]}
    write_graded(tmp_path / "graded.parquet", kinds)
    assert read_graded(tmp_path / "graded.parquet") == kinds
    (tmp_path / "bad.parquet").write_bytes(b"")
    with pytest.raises(ValueError, match="cannot be read"):
        read_graded(tmp_path / "bad.parquet")


def test_figures_are_over_the_subset_and_each_question_once(tmp_path: Path):
    home = folder(tmp_path / "model", right={0, 1, 2, 3, 8, 9, 15})
    (result,) = json.loads((home / "results.json").read_text())["benchmarks"]
    # reasoning: 0, 1, 3, 4, 6, 7; of these 0, 1, 3 are right; with their rotations 8, 9, 11 only 0 and 1
    assert result["accuracy"]["value"] == pytest.approx(3 / 6)
    assert result["circular"]["value"] == pytest.approx(2 / 6)
    assert result["all_rows"]["value"] == pytest.approx(4 / 8)
    assert result["groups"]["kind"]["perception"]["value"] == pytest.approx(1 / 2)
    assert result["counted"] == ["0", "1", "3", "4", "6", "7"]
    assert result["rule"] == "option, answer found by our rules"
    text = (home / "results.md").read_text()
    assert "| **model** | 50.0 [" in text
    assert "MMBench-R: made up." in text


def test_a_subset_without_rows_says_so():
    result = benchmark_results(Scoring(name="x", subset={"kind": ["none"]}), {"greedy": [problem(0, True)]})
    assert result["accuracy"] is None
    assert "no row is in the subset" in result["note"]


def test_published_rows_stand_below_with_what_differs():
    rows = published_rows()
    assert len(rows) == 9
    ours = {"name": "MathVista", "accuracy": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 100, "error": 0.05}}
    theirs = {"name": "AI2D", "accuracy": {"value": 0.7, "low": 0.6, "high": 0.8, "n": 100, "error": 0.05}}
    text = summary("mine", [ours])
    assert "| **mine** | 50.0 [40.0, 60.0] | 50.0 [40.2, 59.8] |" in text
    both = summary("mine", [ours, theirs])  # the mean's error is 0.05 / sqrt(2)
    assert "| **mine** | 50.0 [40.0, 60.0] | 70.0 [60.0, 80.0] | 60.0 [53.1, 66.9] |" in both
    assert "| MiniCPM-V-2.5 + M-STaR (published) | 59.5 | 69.1 | 64.3 |" in both
    assert "| MiniCPM-V-2.5 + M-STaR (published) | 59.5 | 59.5 |" in text
    assert "Published rows: M-STaR, arXiv 2412.17451" in text
    means = {row["model"]: sum(row["figures"].values()) / 5 for row in rows}
    assert means["MiniCPM-V-2.5 + M-STaR"] == pytest.approx(61.6, abs=0.05)  # the paper's own mean
    assert means["InternVL2-2B"] == pytest.approx(26.2, abs=0.15)


def test_two_models_on_the_same_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    first, second = folder(tmp_path / "a", {0, 1, 2}), folder(tmp_path / "b", {1, 2, 3, 4})
    (row, mean) = compare(first, second)
    # of the reasoning ones 0 was lost, 3 and 4 were gained
    assert (row["value"], row["gained"], row["lost"], row["n"]) == (pytest.approx(1 / 6), 2, 1, 6)
    assert row["low"] < 0 < row["high"]
    assert (mean["name"], mean["value"]) == ("mean", row["value"])
    main([str(first), str(second), "--json", str(tmp_path / "out.json")])
    assert "| MMBench-R | 6 | 33.3 | 50.0 | +16.7 |" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())[0]["gained"] == 2


def test_problems_of_one_only_are_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    first, second = folder(tmp_path / "a", {0}, rows=16), folder(tmp_path / "b", {0}, rows=7)
    main([str(first), str(second)])
    assert "1 problems are in one of the two only" in capsys.readouterr().out


def test_what_cannot_be_compared(tmp_path: Path):
    first, second = folder(tmp_path / "a", {0}), folder(tmp_path / "b", {0})
    whole = json.loads((second / "results.json").read_text())
    whole["benchmarks"][0]["rule"] = "another"
    (second / "results.json").write_text(json.dumps(whole))
    with pytest.raises(
        ValueError, match=r"is scored by option, answer found by our rules in .*a, and by another in .*b"
    ):
        main([str(first), str(second)])
    whole["benchmarks"][0]["name"] = "Else"
    (second / "results.json").write_text(json.dumps(whole))
    with pytest.raises(ValueError, match="no benchmark is in both"):
        main([str(first), str(second)])
    with pytest.raises(ValueError, match="has no results.json; give the folder"):
        main([str(first), str(tmp_path)])
    (second / "results.json").write_text("[]")
    with pytest.raises(ValueError, match=r"b/results.json is no results file"):
        main([str(first), str(second)])
