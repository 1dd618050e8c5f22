"""A run that goes on after its data have changed: marked anew where that is enough, sampled anew where it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from lit_mstar import EvolutionCallback, Iteration, Problem
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.reasoning import RuleGrader, Verdict
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.rollouts.nouns import SamplingParams
from support.evolving import half_right, header, rows
from support.helpers import png
from support.scripted import Killed, ListSource, ScriptedSampler, make_evolver, make_policy, right, sums

PROBLEMS = sums(4)


class Scoring(EvolutionCallback):
    """Scores by text length, and notes how often it was asked."""

    def __init__(self) -> None:
        self.iterations: list[int] = []

    def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        self.iterations.append(iteration.index)
        for rollout in iteration.rollouts:
            for response in rollout.responses:
                response.score = float(len(response.text))


def fit(
    folder: Path, problems: list[Problem], rule: Any = half_right, **policy: Any
) -> tuple[ScriptedSampler, Scoring]:
    sampler, scoring = ScriptedSampler(rule), Scoring()
    data = SelfEvolvingDataModule(ListSource(train=problems), SamplingParams(n=4, max_tokens=8), 1.0, batch_size=4)
    make_evolver(folder, callbacks=[scoring]).fit(make_policy(sampler, **policy), datamodule=data)
    return sampler, scoring


def correct(folder: Path) -> list[bool]:
    return [row["correct"] for row in sorted(rows(folder, 0), key=lambda row: (row["problem_id"], row["index"]))]


def test_corrected_references_are_used_without_sampling(tmp_path: Path) -> None:
    wrong_first = [replace(PROBLEMS[0], answer="99"), *PROBLEMS[1:]]
    fit(tmp_path, wrong_first, lambda p, i, s: right(PROBLEMS[int(p.id[1:])], i) if i % 2 else "Answer: none")
    assert correct(tmp_path) == [False] * 4 + [False, True] * 6
    with pytest.warns(
        UserWarning, match="Iteration 0: .* its 16 responses were marked anew, and 2 verdicts are others"
    ):
        sampler, scoring = fit(tmp_path, PROBLEMS)
    assert (sampler.calls, scoring.iterations) == ([], [0])
    assert correct(tmp_path) == [False, True] * 8
    kept = [row for row in rows(tmp_path, 0) if row["selected"]]
    assert {row["problem_id"] for row in kept} == {"p0", "p1", "p2", "p3"}
    assert all(row["score"] == len(row["text"]) and row["reference"] is not None for row in kept)
    assert fit(tmp_path, PROBLEMS)[1].iterations == []  # nothing is left to do


class Never(RuleGrader):
    def matches(self, predicted: str | None, problem: Problem) -> Verdict:
        return Verdict(False, "never")


@pytest.mark.parametrize(
    "policy", [{"grader": Never()}, {"reasoning": ReasoningFormat(answer_pattern="(?m)^Antwort: (.*)$")}]
)
def test_another_grader_or_format_marks_anew(tmp_path: Path, policy: dict[str, Any]) -> None:
    fit(tmp_path, PROBLEMS)
    with pytest.warns(UserWarning, match="8 verdicts are others"), pytest.raises(RuntimeError, match="0 of 16"):
        fit(tmp_path, PROBLEMS, **policy)
    assert correct(tmp_path) == [False] * 16


@pytest.mark.filterwarnings("ignore:.*holds rollouts of another run or of other data")
@pytest.mark.parametrize(
    "problems",
    [
        [replace(PROBLEMS[0], question="0 + 0 = ?"), *PROBLEMS[1:]],
        [replace(PROBLEMS[0], choices=("0", "1")), *PROBLEMS[1:]],
        [replace(PROBLEMS[0], images=(png(),)), *PROBLEMS[1:]],
        sums(5),
    ],
    ids=["question", "choices", "image", "another problem"],
)
def test_other_questions_are_sampled_anew_and_the_old_kept_aside(tmp_path: Path, problems: list[Problem]) -> None:
    fit(tmp_path, PROBLEMS)
    sampler, _ = fit(tmp_path, problems)
    assert len(sampler.finished) == len(problems)
    assert (tmp_path / "rollouts/_replaced-1-iteration=0000/rollouts.parquet").exists()


def test_killed_between_marking_and_reward_it_marks_anew_again(tmp_path: Path) -> None:
    fit(tmp_path, PROBLEMS)

    class Killing(Scoring):
        def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            raise Killed

    others = [replace(problem, answer="none") for problem in PROBLEMS]
    data = SelfEvolvingDataModule(ListSource(train=others), SamplingParams(n=4, max_tokens=8), 1.0, batch_size=4)
    trainer = make_evolver(tmp_path, callbacks=[Killing()])
    with pytest.warns(UserWarning, match="16 verdicts are others"), pytest.raises(Killed):
        trainer.fit(make_policy(ScriptedSampler(half_right)), datamodule=data)
    assert header(tmp_path, 0)["marking"] == ""
    assert correct(tmp_path) == [False, True] * 8  # nothing is lost: the old marks, until the new ones are whole
    with pytest.warns(UserWarning, match="0 verdicts are others"):  # the references of before are back
        sampler, scoring = fit(tmp_path, PROBLEMS)
    assert (sampler.calls, scoring.iterations) == ([], [0])


def test_what_is_missing_is_sampled_and_all_marked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lit_mstar.rollouts.ledger.CHUNK", 4)
    data = SelfEvolvingDataModule(ListSource(train=PROBLEMS), SamplingParams(n=4, max_tokens=8), 1.0, batch_size=4)
    with pytest.raises(Killed):
        make_evolver(tmp_path).fit(make_policy(ScriptedSampler(half_right, kill_after=2)), datamodule=data)
    others = [replace(problem, answer="none") for problem in PROBLEMS]
    with pytest.warns(UserWarning, match="8 verdicts are others than before; 2 missing problems were sampled"):
        fit(tmp_path, others, lambda p, i, s: right(PROBLEMS[int(p.id[1:])], i) if i % 2 else "Answer: none")
    assert correct(tmp_path) == [True, False] * 8


def test_measures_of_earlier_marks_are_forgotten(tmp_path: Path) -> None:
    class Measuring(Scoring):
        def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            iteration.metrics |= {f"answer {rollout.problem.answer}": 1.0 for rollout in iteration.rollouts}

    for problems in (PROBLEMS, [replace(problem, answer="none") for problem in PROBLEMS]):
        data = SelfEvolvingDataModule(ListSource(train=problems), SamplingParams(n=4, max_tokens=8), 1.0)
        policy = make_policy(ScriptedSampler(half_right))
        make_evolver(tmp_path, callbacks=[Measuring()]).fit(policy, datamodule=data)
    assert header(tmp_path, 0)["metrics"] == {"answer none": 1.0}


@pytest.mark.filterwarnings("ignore:.*holds rollouts of another run or of other data")
def test_sampled_anew_amid_an_epoch_it_is_known_by_the_weights_of_then(tmp_path: Path) -> None:
    class Dying(Callback):
        def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == 2:
                raise Killed

    def run(problems: list[Problem], *callbacks: Callback, resume: bool = False) -> int:
        keeper = ModelCheckpoint(dirpath=tmp_path, save_last=True, every_n_train_steps=1, enable_version_counter=False)
        data = SelfEvolvingDataModule(ListSource(train=problems), SamplingParams(n=4, max_tokens=8), 1.0, batch_size=2)
        trainer = make_evolver(tmp_path, callbacks=[keeper, *callbacks], enable_checkpointing=True)
        policy = make_policy(sampler := ScriptedSampler(half_right))
        trainer.fit(policy, datamodule=data, ckpt_path=tmp_path / "last.ckpt" if resume else None)
        return len(sampler.finished)

    changed = [replace(PROBLEMS[0], question="0 and 0?"), *PROBLEMS[1:]]
    with pytest.raises(Killed):
        run(PROBLEMS, Dying())
    with pytest.raises(Killed):
        run(changed, Dying(), resume=True)
    assert run(changed, resume=True) == 0  # from the same checkpoint, it is found again
    assert run(changed) == 4  # but not by a run that begins with the first weights
