"""The PRM that is trained on: what it learns from, and what it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from jsonargparse import ArgumentParser
from sklearn.metrics import roc_auc_score

from lit_mstar import (
    EvolutionCallback,
    Iteration,
    Problem,
    ProcessRewardModule,
    Response,
    Rollout,
)
from lit_mstar.callbacks import PRMFilter, TemperatureBalancer, TrainingDynamics
from lit_mstar.encoding.step_encoding import StepExample, collate_steps
from lit_mstar.rewards.selection import AllCorrect
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.step_labels import training
from support import ranks, refreshing
from support.evolving import Keeping, Noise
from support.refreshing import Completing, K, make_refresh, run, successes, train_by_hand
from support.scripted import ListSource, largest_difference, make_policy, make_prm, sums, weights


class Judging(ListSource):
    """Knows that steps of an even number of characters are true."""

    def judge_steps(self, problem: Problem, steps: Sequence[str]) -> list[bool]:
        return [len(step) % 2 == 0 for step in steps]


def labels_by_hand(problem: Problem, response: Response) -> list[float]:
    labels: list[float] = []
    for count in range(1, len(response.steps) + 1):
        prefix = "".join(f"{step}\n" for step in response.steps[:count])
        lost = labels and labels[-1] == 0
        labels.append(0.0 if lost else successes(problem, prefix) / K)
    return labels


def test_weights_and_loss_are_those_of_a_loop_by_hand(tmp_path: Path, prm_folder: str) -> None:
    callback, keeping = PRMFilter(prm_folder, refresh=make_refresh()), Keeping()
    run(tmp_path, [callback, keeping], max_epochs=1)
    (iteration,) = keeping.iterations
    examples = [
        StepExample(rollout.problem, response.steps, labels_by_hand(rollout.problem, response))
        for rollout in iteration.rollouts[:3]
        for response in rollout.responses[:2]
    ]
    prm, losses = train_by_hand(prm_folder, examples, [range(6)] * 3)
    assert largest_difference(weights(prm), weights(callback._prm)) < 1e-6
    assert largest_difference(weights(prm), weights(ProcessRewardModule.from_folder(prm_folder))) > 1e-4
    assert losses[0] > losses[2]
    assert iteration.metrics["prm/refresh_loss"] == pytest.approx(fmean(losses), abs=1e-6)
    assert iteration.metrics["prm/refresh_labels"] == sum(len(example.labels) for example in examples)
    assert not callback._prm.training
    assert not any(parameter.requires_grad for parameter in callback._prm.parameters())


def test_without_steps_it_only_measures(tmp_path: Path, prm_folder: str) -> None:
    found = []
    for name, options in (("trained", {}), ("measured", {"steps": 0})):
        callback, keeping = PRMFilter(prm_folder, refresh=make_refresh(**options)), Keeping()
        run(tmp_path / name, [callback, keeping], max_epochs=1)
        found.append(keeping.iterations[0].metrics)
    assert largest_difference(weights(callback._prm), weights(ProcessRewardModule.from_folder(prm_folder))) == 0
    assert callback.state_dict() == {}  # nothing that a checkpoint would have to hold
    measured = {name: value for name, value in found[1].items() if name.startswith("prm/")}
    assert measured == {name: found[0][name] for name in ("prm/refresh_labels", "prm/refresh_auroc", "prm/refresh_ece")}


@pytest.mark.parametrize("judged", [False, True])
def test_the_scores_before_are_judged(tmp_path: Path, prm_folder: str, judged: bool) -> None:
    """By hard labels, or by the truth where the source knows it."""
    keeping, source = Keeping(), (Judging if judged else ListSource)(train=sums(8))
    run(tmp_path, [PRMFilter(prm_folder, refresh=make_refresh()), keeping], source, max_epochs=1)
    (iteration,) = keeping.iterations
    before = ProcessRewardModule.from_folder(prm_folder).score(iteration.rollouts)
    scores, targets = [], []
    for rollout, scored in zip(iteration.rollouts[:3], before, strict=False):
        for response, values in zip(rollout.responses[:2], scored, strict=False):
            labels = [label > 0 for label in labels_by_hand(rollout.problem, response)]
            targets += Judging().judge_steps(rollout.problem, response.steps) if judged else labels
            scores += values
    assert iteration.metrics["prm/refresh_auroc"] == pytest.approx(roc_auc_score(targets, scores), abs=1e-5)


def test_only_answered_training_problems_are_learned_from(
    tmp_path: Path, prm_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[str] = []

    def collate(encoder: Any, examples: Sequence[StepExample]) -> Any:
        learned.extend(example.problem.id for example in examples)
        return collate_steps(encoder, examples)

    monkeypatch.setattr(training, "collate_steps", collate)
    train = [replace(problem, answer=problem.answer if i % 3 else None) for i, problem in enumerate(sums(8))]
    source = ListSource(train=train, validate=sums(2, "v"), test=sums(3, "t"))
    measuring = [TrainingDynamics(k=2, temperatures=[0.5]), TemperatureBalancer(1, [0.5, 1.0])]
    callback, keeping = PRMFilter(prm_folder, refresh=make_refresh(problems=100)), Keeping()
    trainer = run(tmp_path, [callback, *measuring, keeping], source, max_epochs=2)
    completed = {id for id, _ in trainer.lightning_module.sampler.completed}
    expected = {problem.id for problem in train if problem.answer is not None}
    assert set(learned) == completed == expected
    assert all(iteration.split != "validate" for iteration in keeping.iterations)
    sampled = set(trainer.lightning_module.sampler.finished)
    assert {id[0] for id in sampled} == {"p", "v"}


def test_each_refresh_takes_its_own_iteration_s_problems(tmp_path: Path, prm_folder: str) -> None:
    keeping = Keeping()
    trainer = run(tmp_path, [PRMFilter(prm_folder, refresh=make_refresh(every=2, problems=2)), keeping], max_epochs=4)
    found = {id for id, _ in trainer.lightning_module.sampler.completed}
    assert found == {problem.id for index in (1, 3) for problem in keeping.iterations[index].problems[:2]}
    assert ["prm/refresh_loss" in iteration.metrics for iteration in keeping.iterations] == [False, True, False, True]


def test_repetitions_and_blank_responses_are_not_labelled() -> None:
    texts = ["a", "", "b", "a", "c"]
    responses = [Response(text=text, steps=[text] if text else []) for text in texts]
    rollouts = [Rollout(problem=problem, responses=responses) for problem in sums(3)]
    iteration = Iteration(index=0, problems=sums(3), sampling=SamplingParams(), rollouts=rollouts)
    chosen = make_refresh(problems=2)._choose(iteration)
    assert [(problem.id, response.text) for problem, response in chosen] == [
        (id, text) for id in ("p0", "p1") for text in ("a", "b")
    ]


def test_the_policy_s_training_goes_on_bit_by_bit(tmp_path: Path, prm_folder: str) -> None:
    """Where all correct responses are kept, the PRM decides nothing: only random numbers could tell."""
    found = []
    for name, refresh in (("fixed", None), ("refreshed", make_refresh(batch_size=2))):
        callback = PRMFilter(prm_folder, AllCorrect(), refresh=refresh)
        found.append(weights(run(tmp_path / name, [callback, Noise()]).lightning_module))
    assert all(torch.equal(found[0][name], value) for name, value in found[1].items())


@pytest.mark.filterwarnings("ignore:Iteration 0 gave")
def test_nothing_to_label_leaves_the_prm_as_it_is(tmp_path: Path, prm_folder: str) -> None:
    prm, policy = ProcessRewardModule.from_folder(prm_folder), make_policy(Completing())
    problem = Problem(id="p0", question="?", answer="1")
    blank, unanswered = Response(text=""), Response(text="a", steps=["a"])
    rollouts = [
        Rollout(problem=problem, responses=[blank]),
        Rollout(problem=replace(problem, answer=None), responses=[unanswered]),
    ]
    iteration = Iteration(index=0, problems=[problem], sampling=SamplingParams(), rollouts=rollouts)
    with pytest.warns(UserWarning, match="Iteration 0 has no step to refresh the PRM with"):
        metrics = make_refresh()(prm, policy, iteration, lambda problem, steps: None)
    assert metrics == {"prm/refresh_labels": 0}
    assert largest_difference(weights(prm), weights(ProcessRewardModule.from_folder(prm_folder))) == 0


def test_measuring_is_never_followed_by_a_refresh() -> None:
    train = Iteration(index=1, problems=[], sampling=SamplingParams())
    assert [make_refresh(every=2).due(replace(train, index=index)) for index in range(4)] == [False, True, False, True]
    assert not make_refresh().due(replace(train, split="validate"))


def test_a_refresh_is_configured_in_yaml(prm_folder: str) -> None:
    parser = ArgumentParser()
    parser.add_argument("--callback", type=EvolutionCallback)
    options = {
        "every": 3,
        "completions": {"n": 5},
        "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.5}},
    }
    refresh = {"class_path": "lit_mstar.PRMRefresh", "init_args": options}
    named = {"class_path": "lit_mstar.callbacks.PRMFilter", "init_args": {"prm": prm_folder, "refresh": refresh}}
    callback = parser.instantiate_classes(parser.parse_object({"callback": named})).callback
    assert (callback.refresh.every, callback.refresh.completions.n) == (3, 5)
    assert callback.refresh.optimizer(iter([torch.zeros(1)])).param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("name", ["every", "problems", "responses", "batch_size"])
def test_impossible_numbers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"PRMRefresh.{name} is 0; it must be at least 1"):
        make_refresh(**{name: 0})
    with pytest.raises(ValueError, match=r"PRMRefresh.steps is -1; it must be 0 \(only measure\) or more"):
        make_refresh(steps=-1)


@pytest.mark.slow
def test_two_processes_end_with_the_prm_of_one(tmp_path: Path) -> None:
    found = {}
    for count in (1, 2):
        (tmp_path / f"{count}").mkdir()
        make_prm(tmp_path / f"{count}/prm")
        found[count] = ranks.run(refreshing.refresh_job, count, tmp_path / f"{count}")
    (alone,), (first, second) = found[1], found[2]
    assert first["prm"] == second["prm"]
    assert first["prm"] == pytest.approx(alone["prm"], abs=1e-6)
    assert first["metrics"] == second["metrics"]
    for one, two in zip(alone["metrics"], first["metrics"], strict=True):
        assert {name for name in one if name.startswith("prm/")} == {
            f"prm/refresh_{x}" for x in ("loss", "labels", "auroc", "ece", "auroc_after", "ece_after")
        }
        assert two == pytest.approx(one, abs=1e-5)
    assert sorted(first["completed"] + second["completed"]) == sorted(alone["completed"])  # each prefix on one rank
    assert min(len(first["completed"]), len(second["completed"])) > 0
