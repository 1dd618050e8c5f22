from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lit_mstar.commands.stage_run import StageRun
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import Iteration, Problem, Response, Rollout, SamplingParams
from lit_mstar.rollouts.parquet import to_table
from lit_mstar.studies.plan import VariantRun
from lit_mstar.studies.results import Result, collect, measured, read_results, write_results


def test_what_is_measured_exactly():
    summary = {"seconds": 90, "checkpoint": "last.ckpt", "test_accuracy": 0.5, "count": 3}
    iterations = [{"kept": 2.0}, {"kept": 6.0, "rare": 1.5}, {"kept": 4.0}]
    assert measured(summary, iterations) == {
        **{"minutes": 1.5, "test_accuracy": 0.5, "count": 3.0},
        **{"kept/first": 2.0, "kept/last": 4.0, "kept/change": 2.0, "kept/mean": 4.0},
        **{"rare/first": 1.5, "rare/last": 1.5, "rare/change": 0.0, "rare/mean": 1.5},
    }


def test_without_iterations_the_summary_is_all():
    assert measured({"seconds": 6.0}, []) == {"minutes": 0.1}


def test_a_run_is_read_from_the_files_of_its_last_stage(tmp_path: Path):
    stages = [StageRun(name=name, config={}, folder=tmp_path / name, seed=5) for name in ("1-a", "2-b")]
    stages[1].folder.mkdir()
    (stages[1].folder / "summary.json").write_text(json.dumps({"seconds": 60.0, "test_accuracy": 0.25}))
    ledger = Ledger(stages[1].folder / "rollouts")
    for index in range(2):
        metrics = {"kept": 3 + index}
        iteration = Iteration(index=index, problems=[], sampling=SamplingParams(), metrics=metrics)
        ledger.begin(iteration, "f")
        ledger.record(iteration)
    result = collect(VariantRun(variant="v", seed=5, stages=stages))
    assert (result.variant, result.seed) == ("v", 5)
    assert result.iterations == [{"iteration": 0, "kept": 3}, {"iteration": 1, "kept": 4}]
    assert result.metrics == measured({"seconds": 60.0, "test_accuracy": 0.25}, result.iterations)


def test_results_are_read_as_they_were_written(tmp_path: Path):
    results = [
        Result(variant="a", seed=0, metrics={"x": 0.1 + 0.2}, right="a0"),
        Result(variant="b", seed=1, metrics={}),
    ]
    write_results(tmp_path / "r.json", results, {"command": "lit-mstar study"})
    assert read_results(tmp_path / "r.json") == results
    assert json.loads((tmp_path / "r.json").read_text())["command"] == "lit-mstar study"


def test_what_follows_from_iterations_is_not_written_twice(tmp_path: Path):
    iterations = [{"iteration": 0, "y": 1.0}, {"iteration": 1, "y": 3.0}]
    result = Result(variant="a", seed=0, metrics=measured({"seconds": 60}, iterations), iterations=iterations)
    write_results(tmp_path / "r.json", [result], {})
    (written,) = json.loads((tmp_path / "r.json").read_text())["runs"]
    assert written["metrics"] == {"minutes": 1.0}
    assert read_results(tmp_path / "r.json") == [result]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9])
def test_which_test_problems_were_right(tmp_path: Path, count: int):
    right = [k % 3 == 0 for k in range(count)]
    rows = [
        Rollout(problem=Problem(id=f"p{k}", question="?"), responses=[Response(text="", correct=right[k])])
        for k in reversed(range(count))
    ]
    pq.write_table(to_table(rows), tmp_path / "tested.parquet")
    (tmp_path / "summary.json").write_text(json.dumps({"seconds": 60.0, "test_problems": count}))
    stage = StageRun(name="1-a", config={}, folder=tmp_path, seed=0)
    result = collect(VariantRun(variant="v", seed=0, stages=[stage]))
    assert result.outcomes().tolist() == right  # by id
    write_results(tmp_path / "r.json", [result], {})
    assert read_results(tmp_path / "r.json") == [result]


def test_a_run_without_a_summary_is_no_result(tmp_path: Path):
    stage = StageRun(name="1-a", config={}, folder=tmp_path, seed=0)
    with pytest.raises(FileNotFoundError, match="summary.json"):
        collect(VariantRun(variant="v", seed=0, stages=[stage]))
