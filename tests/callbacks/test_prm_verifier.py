"""What a reward can and cannot do at test time, counted by hand, and how it reaches the user."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lit_mstar import Problem
from lit_mstar.callbacks import PRMVerifier
from lit_mstar.callbacks.prm_verifier import report
from lit_mstar.commands.lightning import main
from lit_mstar.commands.stage import finish_stage
from lit_mstar.data import ProblemDataModule, SelfEvolvingDataModule
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.scorers import StepScorer
from support.scripted import ListSource, ScriptedSampler, make_policy, make_trainer, sums

# Per test problem: the greedy answer is right; who of 4 is right; the scores of the 4, in tenths.
SCRIPT = {
    "t0": (True, "1110", [1, 2, 3, 9]),
    "t1": (False, "0101", [1, 8, 2, 4]),
    "t2": (False, "0000", [5, 5, 5, 5]),
    "t3": (True, "1111", [2, 2, 9, 8]),
}
# Responses 0 to 3 have 1 to 4 steps; wrong answers agree with each other.
EXPECTED = {
    "greedy": 2 / 4,
    "single": 9 / 16,
    "majority/N=1": 9 / 16,
    "majority/N=2": (1 + 0 + 0 + 1) / 4,  # ties go to the first
    "majority/N=4": (1 + 0 + 0 + 1) / 4,
    "best_of_n/N=1": 9 / 16,
    "best_of_n/N=2": (1 / 2 + 1 + 0 + 1) / 4,
    "best_of_n/N=4": (0 + 1 + 0 + 1) / 4,
    "weighted_vote/N=1": 9 / 16,
    "weighted_vote/N=2": (1 / 2 + 1 + 0 + 1) / 4,
    "weighted_vote/N=4": (0 + 1 + 0 + 1) / 4,  # 6 against 9; 12 against 3
    "pass/N=1": 9 / 16,
    "pass/N=2": (1 + 5 / 6 + 0 + 1) / 4,
    "pass/N=4": 3 / 4,
    "compared": 2,
    "top2/steps": ((2 + 3) / 2 + (3 + 4) / 2) / 2,
    "rest/steps": (1 + (1 + 2) / 2) / 2,
    "top2/distinct": 1 - 7 / 10,  # of t3 alone: in t0 one response is left over, and no pair
    "rest/distinct": 1 - 5 / 8,
}


def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
    if problem.id not in SCRIPT:
        return f"Answer: {problem.answer}"
    greedy, verdicts, _ = SCRIPT[problem.id]
    good = greedy if sampling.temperature == 0 else verdicts[index] == "1"
    steps = "".join(f"Step {k}: Take {index}.\n" for k in range(1, index + 2))
    return f"{steps}Answer: {problem.answer if good else 'none'}"


def score(problem: Problem, response: Any) -> float:
    """By the number of steps, which tells the index."""
    return SCRIPT[problem.id][2][len(response.steps) - 1] / 10 if problem.id in SCRIPT else 0.5


class Evaluation:
    """Tests the scripted policy and keeps what came of it; metrics without the test/ in their names."""

    def __init__(self, folder: Path, callbacks: list[Any], seed: int = 0) -> None:
        source = ListSource(train=sums(4), validate=sums(2, "v"), test=sums(4, "t"))
        self.data = SelfEvolvingDataModule(source, SamplingParams(n=8, temperature=0.7, max_tokens=8))
        self.sampler = ScriptedSampler(rule)
        self.policy = make_policy(self.sampler)
        self.trainer = make_trainer(folder, callbacks=callbacks)
        torch.manual_seed(seed)
        (self.returned,) = self.trainer.test(self.policy, datamodule=self.data, verbose=False)
        self.metrics = {name.removeprefix("test/"): value for name, value in self.returned.items()}

    def drawn(self) -> list[SamplingParams]:
        """How it sampled, each time that it did."""
        return [sampling for _, sampling in self.sampler.calls if sampling.temperature > 0]


def test_every_number_is_known_from_one_sampling(tmp_path: Path, evolution: Any) -> None:
    run = Evaluation(tmp_path, [evolution.scoring(score), PRMVerifier(n=4)])
    assert {name: run.metrics[name] for name in EXPECTED} == pytest.approx(EXPECTED)
    assert run.metrics.keys() - EXPECTED.keys() == {"accuracy", "top2/tokens", "rest/tokens"}
    assert {name: float(value) for name, value in run.trainer.callback_metrics.items()} == run.returned
    (sampling,) = run.drawn()
    assert (sampling.n, sampling.temperature, sampling.max_tokens) == (4, 0.7, 8)
    assert [len(ids) for ids, _ in run.sampler.calls] == [4, 4]  # the greedy test, and all problems once


def test_tokens_are_those_that_were_sampled(tmp_path: Path, evolution: Any) -> None:
    run = Evaluation(tmp_path, [evolution.scoring(score), PRMVerifier(n=4)])

    def tokens(problem: str, index: int) -> int:
        (found,) = (p for p in run.data.problems("test") if p.id == problem)
        return len(run.policy.encoder.response_ids(rule(found, index, SamplingParams())))

    top = ((tokens("t0", 1) + tokens("t0", 2)) / 2 + (tokens("t3", 2) + tokens("t3", 3)) / 2) / 2
    rest = (tokens("t0", 0) + (tokens("t3", 0) + tokens("t3", 1)) / 2) / 2
    assert (run.metrics["top2/tokens"], run.metrics["rest/tokens"]) == pytest.approx((top, rest))


def test_without_scores_only_votes_and_samples_are_measured(tmp_path: Path) -> None:
    metrics = Evaluation(tmp_path, [PRMVerifier(n=4)]).metrics
    unscored = {name: EXPECTED[name] for name in EXPECTED if name.startswith(("greedy", "single", "majority", "pass"))}
    assert metrics == pytest.approx(unscored | {"accuracy": 0.5})


def test_any_number_of_responses_will_do(tmp_path: Path) -> None:
    metrics = Evaluation(tmp_path, [PRMVerifier(n=3)]).metrics
    majority = {name: value for name, value in metrics.items() if name.startswith("majority/")}
    first_three = {"majority/N=1": (3 + 1 + 0 + 3) / 12, "majority/N=2": 2 / 4, "majority/N=3": 2 / 4}
    assert majority == pytest.approx(first_three)  # at N = 2, the third response is left over


def test_the_table_is_printed_within_80_columns(
    tmp_path: Path, evolution: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    Evaluation(tmp_path, [evolution.scoring(score), PRMVerifier(n=4)])
    shown = capfd.readouterr().out
    assert shown[shown.index("4 test problems") :] == TABLE
    metrics = {f"{way}/N={2**power}": 1.0 for way in ("majority", "pass") for power in range(7)}
    assert max(map(len, report("title", metrics, 2).splitlines())) <= 80


TABLE = """\
4 test problems, 4 responses each at T = 0.7; accuracy
  N                        1       2       4
  greedy               50.0%
  one sample           56.2%
  majority vote        56.2%   50.0%   50.0%
  best of N            56.2%   62.5%   50.0%
  weighted vote        56.2%   62.5%   50.0%
  any of N (Pass@N)    56.2%   70.8%   75.0%

2 problems with more than 2 different correct responses
                         steps    tokens  distinct
  top 2 by score          3.00     30.00      0.30
  the others              1.25     14.25      0.38
"""


def test_the_sampling_follows_the_seed(tmp_path: Path) -> None:
    drawn = [Evaluation(tmp_path, [PRMVerifier(n=2)], seed=seed).drawn() for seed in (1, 1, 2)]
    (first,), (again,), (other,) = ({sampling.seed for sampling in run} for run in drawn)
    assert first == again
    assert first != other


def test_split_and_temperature_are_the_users(tmp_path: Path) -> None:
    run = Evaluation(tmp_path, [PRMVerifier(n=2, temperature=1.3, split="validate")])
    assert run.metrics == {"accuracy": 0.5, "single": 1.0} | {
        f"{way}/N={size}": 1.0 for way in ("majority", "pass") for size in (1, 2)
    }  # the greedy accuracy is that of the test problems, so there is none to compare with
    (ids, sampling) = run.sampler.calls[-1]
    assert (ids, sampling.temperature) == (["v0", "v1"], 1.3)


def test_fit_measures_at_its_end_and_sums_up(evolution: Any, tmp_path: Path) -> None:
    source = ListSource(train=sums(4), validate=sums(2, "v"), test=sums(4, "t"))
    callbacks = [evolution.scoring(score), PRMVerifier(n=4)]
    trainer = evolution(rule, callbacks, source=source, interval=1.0)
    assert [ids[0][0] for ids, _ in evolution.sampler.calls] == ["p", "v"]  # nothing of it while it trains
    finish_stage(trainer, evolution.policy, evolution.data, time.monotonic())
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {name: summary[name] for name in EXPECTED} == pytest.approx(EXPECTED)
    assert summary["test_accuracy"] == summary["greedy"]


def test_the_command_line_takes_it_as_one_more_callback(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    backbone = {"class_path": "lit_mstar.Backbone", "init_args": {"path": str(tiny_folder)}}
    source = {"class_path": "lit_mstar.data.DigitsSource", "init_args": {"test": 3}}
    data = {"source": source, "sampling": {"max_tokens": 4}}
    config = {
        "trainer": {"accelerator": "cpu", "devices": 1, "logger": False, "default_root_dir": str(tmp_path)},
        "model": {"class_path": "lit_mstar.PolicyModule", "init_args": {"backbone": backbone}},
        "data": {"class_path": "lit_mstar.data.SelfEvolvingDataModule", "init_args": data},
    }
    (tmp_path / "stage.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["lit-mstar"])
    monkeypatch.setattr("sys.path", [*sys.path])
    verifier = ["--trainer.callbacks+=lit_mstar.callbacks.PRMVerifier", "--trainer.callbacks.n=4"]
    main(["test", "--config", "stage.yaml", *verifier])
    shown = capfd.readouterr().out
    assert "3 test problems, 4 responses each at T = 1; accuracy" in shown
    assert re.search(r"^  majority vote( +\d+\.\d%){3}$", shown, re.MULTILINE)


def test_what_cannot_sample_is_refused_before_anything_is_tested(tmp_path: Path) -> None:
    sampler = ScriptedSampler(rule)
    trainer = make_trainer(tmp_path, callbacks=[PRMVerifier()])
    with pytest.raises(ValueError, match="needs a SelfEvolvingDataModule to sample; data is ProblemDataModule"):
        trainer.test(make_policy(sampler), datamodule=ProblemDataModule(ListSource(test=sums(4, "t"))))
    data = SelfEvolvingDataModule(ListSource(test=sums(4, "t")))
    trainer = make_trainer(tmp_path, callbacks=[PRMVerifier(split="validate")])
    with pytest.raises(ValueError, match="ListSource has no 'validate' problems with answers"):
        trainer.test(make_policy(sampler), datamodule=data)
    assert sampler.calls == []


@pytest.mark.parametrize("arguments", [{"n": 0}, {"k": 0}, {"temperature": 0.0}])
def test_arguments_without_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} is 0"):
        PRMVerifier(**arguments)


class Deepest(StepScorer):
    """Scores by the script, in place of a callback that does."""

    def score(self, rollouts: Any) -> Any:
        return [[[score(x.problem, r)] * len(r.steps) for r in x.responses] for x in rollouts]


def test_a_scorer_of_its_own_takes_the_place_of_others(tmp_path: Path, evolution: Any) -> None:
    elsewhere = evolution.scoring(lambda problem, response: 0.5)
    run = Evaluation(tmp_path, [elsewhere, PRMVerifier(n=4, scorer=Deepest())])
    assert {name: run.metrics[name] for name in EXPECTED} == pytest.approx(EXPECTED)
