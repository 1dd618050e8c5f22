"""The PRM that is trained on: what it learns from, what it becomes, and that a run resumes with it exactly."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import ranks
import torch
from evolving import Noise
from jsonargparse import ArgumentParser
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from scripted import Killed, ListSource, ScriptedSampler, largest_difference, make_policy, make_prm, sums, weights
from sklearn.metrics import roc_auc_score
from torch import distributed as dist
from torch.nn.functional import binary_cross_entropy_with_logits

from lit_mstar import (
    EvolutionCallback,
    Iteration,
    PRMRefresh,
    Problem,
    ProcessRewardModule,
    Response,
    Rollout,
    prm_training,
)
from lit_mstar.callbacks import PRMFilter, TemperatureBalancer, TrainingDynamics
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.rollouts import SamplingParams
from lit_mstar.selection import AllCorrect
from lit_mstar.step_encoding import StepExample, collate_steps
from lit_mstar.trainer import MStarTrainer

K = 4


def chain(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """Different chains of 1 to 3 steps, of which two thirds are right."""
    steps = "".join(f"Step {k}: {'abcdefgh'[(index * 3 + k * 5) % 8] * (k + index)}\n" for k in range(1, 2 + index % 3))
    return f"{steps}Answer: {'none' if index % 3 == 1 else problem.answer}"


def successes(problem: Problem, prefix: str) -> int:
    """How many of K completions are right: none from some prefixes."""
    return max(0, (len(prefix) * 7 + int(problem.id[1:])) % (K + 2) - 1)


class Completing(ScriptedSampler):
    """Also completes prefixes, and notes which."""

    def __init__(self) -> None:
        super().__init__(chain)
        self.completed: list[tuple[str, str]] = []

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        if prefixes is None:
            yield from super().sample(problems, sampling)
            return
        assert sampling.n == K
        for position, (problem, prefix) in enumerate(zip(problems, prefixes, strict=True)):
            self.completed.append((problem.id, prefix))
            good = successes(problem, prefix)
            texts = [f"Answer: {problem.answer if index < good else 'none'}" for index in range(K)]
            yield position, Rollout(problem=problem, responses=[Response(text=text) for text in texts])


class Judging(ListSource):
    """Knows that steps of an even number of characters are true."""

    def judge_steps(self, problem: Problem, steps: Sequence[str]) -> list[bool]:
        return [len(step) % 2 == 0 for step in steps]


class Keeping(EvolutionCallback):
    """Keeps the iterations, with copies of their rollouts."""

    def __init__(self) -> None:
        self.kept: list[Iteration] = []

    def on_iteration_end(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        self.kept.append(replace(iteration, rollouts=list(iteration.rollouts)))


@pytest.fixture
def prm_folder(tmp_path: Path) -> str:
    return make_prm(tmp_path / "prm")


def make_refresh(**options: Any) -> PRMRefresh:
    def momentum(params: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(params, lr=5e-5, momentum=0.5)

    defaults = {"every": 1, "problems": 3, "responses": 2, "completions": SamplingParams(n=K), "steps": 3}
    return PRMRefresh(**(defaults | {"batch_size": 100, "optimizer": momentum} | options))


def run(
    folder: Path,
    callbacks: list[Callback],
    source: ListSource | None = None,
    resume: Path | None = None,
    stage: str = "fit",
    **options: Any,
) -> MStarTrainer:
    """Iterations of 4 problems with 6 responses each, with checkpoints at every step and end."""
    source = source or ListSource(train=sums(8), validate=sums(2, "v"), test=sums(3, "t"))
    keepers = [
        ModelCheckpoint(dirpath=folder, save_last=True, every_n_train_steps=1, enable_version_counter=False),
        ModelCheckpoint(dirpath=folder / "ends", save_last=True, save_on_train_epoch_end=True),
    ]
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
    defaults = {"max_epochs": 3, "accelerator": "cpu", "devices": 1, "reload_dataloaders_every_n_epochs": 1}
    trainer = MStarTrainer(default_root_dir=folder, callbacks=[*callbacks, *keepers], **(defaults | quiet | options))
    policy = make_policy(Completing())
    torch.manual_seed(1)
    data = SelfEvolvingDataModule(source, SamplingParams(n=6, max_tokens=8), 0.5, batch_size=4)
    going_on = {"ckpt_path": resume, "weights_only": True if resume else None}
    getattr(trainer, stage)(policy, datamodule=data, **going_on)
    return trainer


def by_hand(folder: str, rollouts: Sequence[Rollout], steps: int) -> tuple[ProcessRewardModule, list[float], int]:
    """The refresh of `make_refresh`, written out: the PRM, the losses, and how many steps had labels."""
    prm = ProcessRewardModule.from_folder(folder).requires_grad_(True)
    examples = [
        (rollout.problem, response.steps, labels_by_hand(rollout.problem, response))
        for rollout in rollouts[:3]
        for response in rollout.responses[:2]
    ]
    optimizer = torch.optim.SGD(prm.parameters(), lr=5e-5, momentum=0.5)
    losses = []
    for _ in range(steps):
        terms = []
        for problem, chain, labels in examples:
            batch = collate_steps(prm.encoder, [StepExample(problem, chain, labels)])
            inputs = {name: value for name, value in batch.items() if name not in ("labels", "targets")}
            terms.append(binary_cross_entropy_with_logits(prm(**inputs)[0], torch.tensor(labels), reduction="none"))
        loss = torch.cat(terms).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return prm, losses, sum(len(labels) for *_, labels in examples)


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
    (iteration,) = keeping.kept
    prm, losses, count = by_hand(prm_folder, iteration.rollouts, 3)
    assert largest_difference(weights(prm), weights(callback._prm)) < 1e-6
    assert largest_difference(weights(prm), weights(ProcessRewardModule.from_folder(prm_folder))) > 1e-4
    assert losses[0] > losses[2]
    assert iteration.metrics["prm/refresh_loss"] == pytest.approx(fmean(losses), abs=1e-6)
    assert iteration.metrics["prm/refresh_labels"] == count
    assert not callback._prm.training
    assert not any(parameter.requires_grad for parameter in callback._prm.parameters())


@pytest.mark.parametrize("judged", [False, True])
def test_the_scores_before_are_judged(tmp_path: Path, prm_folder: str, judged: bool) -> None:
    """By hard labels, or by the truth where the source knows it."""
    keeping, source = Keeping(), (Judging if judged else ListSource)(train=sums(8))
    run(tmp_path, [PRMFilter(prm_folder, refresh=make_refresh()), keeping], source, max_epochs=1)
    (iteration,) = keeping.kept
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

    monkeypatch.setattr(prm_training, "collate_steps", collate)
    train = [replace(problem, answer=problem.answer if i % 3 else None) for i, problem in enumerate(sums(8))]
    source = ListSource(train=train, validate=sums(2, "v"), test=sums(3, "t"))
    measuring = [TrainingDynamics(k=2, temperatures=[0.5]), TemperatureBalancer(1, [0.5, 1.0])]
    callback, keeping = PRMFilter(prm_folder, refresh=make_refresh(problems=100)), Keeping()
    trainer = run(tmp_path, [callback, *measuring, keeping], source, max_epochs=2)
    completed = {id for id, _ in trainer.lightning_module.sampler.completed}
    expected = {problem.id for problem in train if problem.answer is not None}
    assert set(learned) == completed == expected
    assert all(iteration.split != "validate" for iteration in keeping.kept)
    sampled = set(trainer.lightning_module.sampler.finished)
    assert {id[0] for id in sampled} == {"p", "v"}


def test_each_refresh_takes_its_own_iteration_s_problems(tmp_path: Path, prm_folder: str) -> None:
    keeping = Keeping()
    trainer = run(tmp_path, [PRMFilter(prm_folder, refresh=make_refresh(every=2, problems=2)), keeping], max_epochs=4)
    found = {id for id, _ in trainer.lightning_module.sampler.completed}
    assert found == {problem.id for index in (1, 3) for problem in keeping.kept[index].problems[:2]}
    assert ["prm/refresh_loss" in iteration.metrics for iteration in keeping.kept] == [False, True, False, True]


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


def test_a_fixed_prm_stays_and_leaves_no_state(tmp_path: Path, prm_folder: str) -> None:
    for callback in (PRMFilter(prm_folder), PRMFilter(prm_folder, refresh=make_refresh(every=9))):
        run(tmp_path / str(id(callback)), [callback], max_epochs=2)
        assert largest_difference(weights(callback._prm), weights(ProcessRewardModule.from_folder(prm_folder))) == 0
        assert callback.state_dict() == {}
        saved = torch.load(tmp_path / str(id(callback)) / "ends/last.ckpt", weights_only=True)
        assert "PRMFilter" not in saved["callbacks"]


def rows(folder: Path) -> list[Any]:
    headers = [json.loads(file.read_text()) for file in sorted(folder.glob("rollouts/*/_iteration.json"))]
    return [(header["index"], header["metrics"]) for header in headers]


@pytest.mark.parametrize("step", [2, 3, 4, 5])  # two steps an iteration: amid one, and right after its refresh
def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(tmp_path: Path, prm_folder: str, step: int) -> None:
    def callbacks(end_before: int | None = None) -> list[Any]:
        return [PRMFilter(prm_folder, refresh=make_refresh(batch_size=2)), Noise(end_before), TrainingDynamics(k=2)]

    whole = run(tmp_path / "whole", first := callbacks())
    with pytest.raises(Killed):
        run(tmp_path / "parts", callbacks(step))
    torch.rand(7)  # another process has used up other random numbers
    resumed = run(tmp_path / "parts", second := callbacks(), resume=tmp_path / "parts/last.ckpt")
    assert whole.global_step == resumed.global_step == 6
    for one, two in ((whole.lightning_module, resumed.lightning_module), (first[0]._prm, second[0]._prm)):
        assert largest_difference(weights(one), weights(two)) == 0
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    assert [("prm/refresh_loss" in metrics) for _, metrics in rows(tmp_path / "parts")] == [True] * 3


def test_weights_come_back_before_and_after_the_prm_is_loaded(tmp_path: Path, prm_folder: str) -> None:
    callback = PRMFilter(prm_folder, refresh=make_refresh())
    run(tmp_path, [callback], max_epochs=1)
    saved = torch.load(tmp_path / "ends/last.ckpt", weights_only=True)["callbacks"]["PRMFilter"]
    early, late = PRMFilter(prm_folder), PRMFilter(prm_folder)
    early.load_state_dict(saved)
    assert early.state_dict() == saved  # not loaded, and not lost
    early.setup(None, None, "fit")
    late.setup(None, None, "fit")
    late.load_state_dict(saved)
    for restored in (early, late):
        assert largest_difference(weights(restored._prm), weights(callback._prm)) == 0
        assert largest_difference(restored.state_dict()["refreshed"], callback.state_dict()["refreshed"]) == 0
        assert not any(parameter.requires_grad for parameter in restored._prm.parameters())


def test_another_prm_s_weights_are_refused(tmp_path: Path, prm_folder: str) -> None:
    callback = PRMFilter(prm_folder)
    callback.load_state_dict({"refreshed": {"head.weight": torch.zeros(1, 32)}})
    with pytest.raises(ValueError, match=f"do not fit {prm_folder}; resume with the PRM that the run began with"):
        callback.setup(None, None, "fit")


class Testing(EvolutionCallback):
    """Samples test problems when they are tested."""

    def on_test_end(self, trainer: Any, pl_module: Any) -> None:
        self.rollouts = trainer.datamodule.measure("test", SamplingParams(n=6, max_tokens=8)).rollouts


def test_test_problems_are_scored_by_the_prm_of_the_checkpoint(tmp_path: Path, prm_folder: str) -> None:
    first, testing, second = PRMFilter(prm_folder, refresh=make_refresh()), Testing(), PRMFilter(prm_folder)
    run(tmp_path, [first], max_epochs=1)
    run(tmp_path / "test", [second, testing], stage="test", resume=tmp_path / "ends/last.ckpt")
    expected = first._prm.score(testing.rollouts)
    assert [[response.step_scores for response in rollout.responses] for rollout in testing.rollouts] == expected
    run(tmp_path / "plain", [unused := PRMFilter(prm_folder)], stage="test")
    assert unused._prm is None  # nothing was sampled


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


@pytest.mark.parametrize("name", ["every", "problems", "responses", "steps", "batch_size"])
def test_impossible_numbers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"PRMRefresh.{name} is 0; it must be at least 1"):
        make_refresh(**{name: 0})


@pytest.mark.slow
def test_two_processes_end_with_the_prm_of_one(tmp_path: Path) -> None:
    found = {}
    for count in (1, 2):
        (tmp_path / f"{count}").mkdir()
        make_prm(tmp_path / f"{count}/prm")
        found[count] = ranks.run("refresh", count, tmp_path / f"{count}", script=__file__)
    (alone,), (first, second) = found[1]["seen"], found[2]["seen"]
    assert first["prm"] == second["prm"]
    assert first["prm"] == pytest.approx(alone["prm"], abs=1e-6)
    assert first["metrics"] == second["metrics"]
    for one, two in zip(alone["metrics"], first["metrics"], strict=True):
        assert {name for name in one if name.startswith("prm/")} == {
            f"prm/refresh_{x}" for x in ("loss", "labels", "auroc")
        }
        assert two == pytest.approx(one, abs=1e-5)
    assert sorted(first["completed"] + second["completed"]) == sorted(alone["completed"])  # each prefix on one rank
    assert min(len(first["completed"]), len(second["completed"])) > 0


def main() -> None:
    """What each process of the test above does."""
    torch.set_num_threads(1)
    result = Path(sys.argv[2])
    callback, keeping = PRMFilter(str(result.parent / "prm"), refresh=make_refresh(batch_size=2)), Keeping()
    world = int(os.environ["WORLD_SIZE"])
    # The problems have no images: the vision tower learns nothing.
    parallel = {"devices": world, "strategy": "ddp_find_unused_parameters_true" if world > 1 else "auto"}
    trainer = run(result.parent, [callback, keeping], max_epochs=2, **parallel)
    seen = {
        "prm": torch.cat([value.flatten()[:50].double() for value in weights(callback._prm).values()]).tolist(),
        "metrics": [
            {name: value for name, value in iteration.metrics.items() if name.startswith("prm/")}
            for iteration in keeping.kept
        ],
        "completed": trainer.lightning_module.sampler.completed,
    }
    everybody = [seen]
    if world > 1:
        everybody = [None] * world
        dist.all_gather_object(everybody, seen)
    if trainer.is_global_zero:
        result.write_text(json.dumps({"seen": everybody}))
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
