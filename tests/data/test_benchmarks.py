"""Benchmarks are asked once: a killed test goes on, a complete one only scores, another model begins anew."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_mstar import Backbone
from lit_mstar.callbacks import BenchmarkReport, PRMFilter
from lit_mstar.data import Benchmark, BenchmarkDataModule
from lit_mstar.data.benchmarks import model_name
from lit_mstar.evaluation import OptionGrader
from lit_mstar.evaluation.results import read_graded
from lit_mstar.modules import BenchmarkModule
from lit_mstar.reasoning import RuleGrader
from lit_mstar.rollouts.nouns import Problem, SamplingParams
from support import benchmark_ranks, ranks
from support.answering import RightFor
from support.scripted import Killed, ListSource, make_prm, make_trainer, sums

LETTERS = [Problem(id=f"l{i}", question="Which?", choices=("red", "blue"), answer="AB"[i % 2]) for i in range(12)]


def benchmarks() -> list[Benchmark]:
    return [
        Benchmark(name="Sums", source=ListSource(test=sums(20)), grader=RuleGrader()),
        Benchmark(name="Letters", source=ListSource(test=LETTERS), grader=OptionGrader()),
    ]


def run(folder: Path, model: Path, log: Path, callbacks: list[Any] = [], **sampler: Any) -> BenchmarkDataModule:
    torch.manual_seed(0)
    options = {"max_tokens": 8, "n": 4}
    module = BenchmarkModule(
        Backbone(str(model)), RightFor(log=str(log), **sampler), evaluation=SamplingParams(max_tokens=8)
    )
    data = BenchmarkDataModule(
        benchmarks(), samples=SamplingParams(**options), folder=folder, name="tiny", check_images=False
    )
    trainer = make_trainer(folder, callbacks=[*callbacks, BenchmarkReport(show=False)])
    trainer.test(module, data, verbose=False)
    return data


def results(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "tiny" / "results.json").read_text())["benchmarks"]
    return {result["name"]: result for result in found}


def test_figures_are_those_of_the_answers(tmp_path: Path, tiny_folder: Path):
    run(tmp_path, tiny_folder, tmp_path / "log", share=0.5)
    found = results(tmp_path)
    for name, problems in (("Sums", sums(20)), ("Letters", LETTERS)):
        sampler = RightFor(share=0.5)
        right = [sampler._text(problem, 0).endswith(f"Answer: {problem.answer}") for problem in problems]
        assert found[name]["accuracy"]["value"] == pytest.approx(sum(right) / len(right))
        kinds = read_graded(tmp_path / "tiny" / name / "graded.parquet")
        assert [row.official[0] for row in kinds["greedy"]] == right
        assert all(len(row.official) == 4 for row in kinds["sampled"])
        assert found[name]["sampled"]["pass@1"]["value"] <= found[name]["sampled"]["pass@4"]["value"]
        assert "best-of-4" not in found[name]["sampled"]
    assert (tmp_path / "tiny" / "results.md").read_text().startswith("# tiny")


def test_a_killed_test_goes_on_and_a_complete_one_asks_nothing(tmp_path: Path, tiny_folder: Path):
    log, whole = tmp_path / "log", tmp_path / "whole-log"
    with pytest.raises(Killed):
        run(tmp_path / "a", tiny_folder, log, share=0.5, kill_after=27)
    part = BenchmarkDataModule(benchmarks(), check_images=False).score(tmp_path / "a" / "tiny", write=False)
    assert "Letters" not in part  # killed among the samples of the first
    run(tmp_path / "a", tiny_folder, log, share=0.5)
    run(tmp_path / "b", tiny_folder, whole, share=0.5)
    asked = log.read_text().splitlines()
    assert sorted(asked) == sorted(whole.read_text().splitlines())  # nothing twice
    assert results(tmp_path / "a") == results(tmp_path / "b")
    run(tmp_path / "a", tiny_folder, log, share=0.0)  # it would answer otherwise, were it asked
    assert log.read_text().splitlines() == asked
    assert results(tmp_path / "a") == results(tmp_path / "b")


def test_what_is_answered_in_part_says_so(tmp_path: Path, tiny_folder: Path):
    with pytest.raises(Killed):
        run(tmp_path, tiny_folder, tmp_path / "log", share=1.0, kill_after=7)
    text = BenchmarkDataModule(benchmarks(), check_images=False).score(tmp_path / "tiny")
    assert "Sums: only 7 of 20 problems are answered: go on with the test." in text
    assert results(tmp_path)["Sums"]["rows"] == 7


def test_scoring_anew_needs_no_model(tmp_path: Path, tiny_folder: Path):
    run(tmp_path, tiny_folder, tmp_path / "log", share=0.5)
    before = results(tmp_path)
    others = benchmarks()
    others[1] = Benchmark(name="Letters", source=ListSource(test=LETTERS[:6]), grader=RuleGrader())
    text = BenchmarkDataModule(others, check_images=False).score(tmp_path / "tiny")
    after = results(tmp_path)
    assert after["Sums"] == before["Sums"]
    assert after["Letters"]["rule"] == "RuleGrader"
    assert after["Letters"]["rows"] == 6
    assert "| Letters | 6 | RuleGrader |" in text
    with pytest.raises(ValueError, match="has no responses to Sums, Letters"):
        BenchmarkDataModule(others, check_images=False).score(tmp_path / "nobody")


def test_another_models_responses_are_moved_aside(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch):
    log = tmp_path / "log"
    run(tmp_path, tiny_folder, log, share=1.0)
    monkeypatch.setattr(BenchmarkModule, "fingerprint", lambda self: "another")
    with pytest.warns(UserWarning, match="holds rollouts of another run"):
        run(tmp_path, tiny_folder, log, share=0.0)
    assert results(tmp_path)["Sums"]["accuracy"]["value"] == 0
    assert list((tmp_path / "tiny" / "Sums" / "responses").glob("_replaced-*"))


def test_a_reward_model_chooses_the_best_of_several(tmp_path: Path, tiny_folder: Path, prm_folder: str):
    run(tmp_path, tiny_folder, tmp_path / "log", [PRMFilter(prm_folder)], share=0.5)
    found = results(tmp_path)["Sums"]["sampled"]
    kinds = read_graded(tmp_path / "tiny" / "Sums" / "graded.parquet")
    assert found["best-of-4"]["value"] == pytest.approx(sum(row.best is True for row in kinds["sampled"]) / 20)


@pytest.mark.slow
def test_two_ranks_give_the_results_of_one(tmp_path: Path, tiny_folder: Path):
    said = {}
    for count in (1, 2):
        home = tmp_path / str(count)
        home.mkdir()
        shutil.copytree(tiny_folder, home / "model")
        make_prm(home / "prm")
        said[count] = ranks.run(benchmark_ranks.benchmark_job, count, home)
    (one,), two = said[1], said[2]
    assert all(rank["asked"] for rank in two)
    assert sorted(line for rank in two for line in rank["asked"]) == sorted(one["asked"])  # divided, nothing twice
    # Ranks score other responses together, so scores differ by rounding, and a tie of two may fall either way.
    chosen = [rank["results"]["benchmarks"][0]["sampled"].pop("best-of-3") for rank in (one, *two)]
    assert [rank["results"] for rank in two] == [one["results"]] * 2
    assert chosen[1] == chosen[2]
    assert chosen[0]["value"] == pytest.approx(chosen[1]["value"], abs=2.5 / 23)


def test_names_of_models(tmp_path: Path):
    def named(path: str) -> str:
        return model_name(BenchmarkModule(Backbone(path)))

    (tmp_path / "runs" / "mine" / "4-evolve" / "model").mkdir(parents=True)
    assert named(str(tmp_path / "runs" / "mine" / "4-evolve" / "model")) == "mine-4-evolve"
    assert named(str(tmp_path / "runs" / "mine")) == "mine"
    assert named("Qwen/Qwen3-VL-2B") == "Qwen--Qwen3-VL-2B"


def test_two_of_one_name_and_none_are_refused():
    twice = benchmarks()[0]
    with pytest.raises(ValueError, match=r"benchmarks are \['Sums', 'Sums'\]; give at least one, each a name"):
        BenchmarkDataModule([twice, twice])
    with pytest.raises(ValueError, match=r"benchmarks are \[\]"):
        BenchmarkDataModule([])
    with pytest.raises(ValueError, match="There is no model to test: name one by --ckpt_path"):
        BenchmarkModule()
