"""The Generate step: what is sampled, when, how often, and what survives."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import evolving_ranks
import pyarrow.parquet as pq
import pytest
import torch
from helpers import make_tiny_backbone
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from scripted import (
    Killed,
    ListSource,
    ScriptedSampler,
    largest_difference,
    make_evolver,
    make_policy,
    right,
    sums,
    weights,
    wrong,
)
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_mstar import EvolutionCallback, Iteration, Problem, ProcessRewardModule
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.data.self_evolving import share_of
from lit_mstar.reward import ReasoningFormat
from lit_mstar.rollouts import SamplingParams
from lit_mstar.samplers import TransformersSampler
from lit_mstar.trainer import MStarTrainer


def half_right(problem: Problem, index: int, sampling: SamplingParams) -> str:
    return right(problem, index) if index % 2 else wrong(problem, index)


def always_wrong(problem: Problem, index: int, sampling: SamplingParams) -> str:
    return wrong(problem, index)


def header(folder: Path, index: int) -> dict[str, Any]:
    return dict(json.loads((folder / f"rollouts/iteration={index:04d}/_iteration.json").read_text()))


def evolving(count: int = 8, **options: Any) -> SelfEvolvingDataModule:
    settings = {"sampling": SamplingParams(n=4, max_tokens=8), "interval": 0.5, "batch_size": 4}
    return SelfEvolvingDataModule(ListSource(train=sums(count)), **(settings | options))


class Noting(EvolutionCallback):
    """Notes its calls; raises the temperature by 0.1 each iteration and keeps that in the checkpoint."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.temperature = 1.0

    def on_sampling_start(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        self.calls.append(("start", iteration.index))
        iteration.sampling = replace(iteration.sampling, temperature=self.temperature)

    def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        self.calls.append(("sampled", iteration.index))
        iteration.metrics["responses"] = sum(len(rollout.responses) for rollout in iteration.rollouts)

    def on_iteration_end(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        self.calls.append(("end", iteration.index))
        self.temperature += 0.1
        iteration.metrics["next"] = self.temperature

    def state_dict(self) -> dict[str, float]:
        return {"temperature": self.temperature}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        self.temperature = state_dict["temperature"]


@given(count=st.integers(1, 60), shares=st.integers(1, 8), turn=st.integers(0, 3))
def test_a_pass_covers_every_problem_once(count: int, shares: int, turn: int):
    problems = sums(count)
    dealt = [share_of(problems, 1 / shares, turn * shares + k) for k in range(shares)]
    assert sorted(p.id for share in dealt for p in share) == sorted(p.id for p in problems)
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


def test_passes_are_shuffled_anew():
    problems = sums(20)
    orders = [[p.id for k in (0, 1) for p in share_of(problems, 0.5, 2 * turn + k)] for turn in range(3)]
    assert len({tuple(order) for order in orders}) == 3


def test_each_epoch_samples_its_own_share_once(tmp_path: Path):
    sampler, data = ScriptedSampler(half_right), evolving()
    make_evolver(tmp_path, max_epochs=3).fit(make_policy(sampler), datamodule=data)
    shares = [{p.id for p in share_of(sums(8), 0.5, index)} for index in range(3)]
    assert [set(ids) for ids, _ in sampler.calls] == shares
    assert len({sampling.seed for _, sampling in sampler.calls}) == 3


def test_asked_twice_in_a_round_it_samples_once(tmp_path: Path):
    sampler, data = ScriptedSampler(half_right), evolving()
    make_evolver(tmp_path).fit(make_policy(sampler), datamodule=data)
    data.train_dataloader()  # the epoch is over: a new round
    data.train_dataloader()
    assert len(sampler.calls) == 2


def test_what_is_learned_is_what_is_selected(tmp_path: Path, seen: Any):
    data = evolving()
    policy = make_policy(ScriptedSampler(half_right))
    make_evolver(tmp_path, callbacks=[seen]).fit(policy, datamodule=data)
    problems = share_of(sums(8), 0.5, 0)
    prompts = {p.id: policy.encoder.prompts([p])["input_ids"][0].tolist() for p in problems}
    expected = [(*prompts[p.id], *policy.encoder.response_ids(right(p, i))) for p in problems for i in (1, 3)]
    assert sorted(seen.epochs[0]) == sorted(expected)


def test_hooks_come_in_order_with_their_iteration(tmp_path: Path, header: Callable[..., dict[str, Any]]):
    noting = Noting()
    make_evolver(tmp_path, max_epochs=2, callbacks=[noting]).fit(
        make_policy(ScriptedSampler(half_right)), datamodule=evolving()
    )
    assert noting.calls == [(name, index) for index in (0, 1) for name in ("start", "sampled", "end")]
    assert header(tmp_path, 1)["sampling"]["temperature"] == pytest.approx(1.1)
    assert header(tmp_path, 1)["metrics"] == pytest.approx({"responses": 16, "next": 1.2})


def test_a_hook_may_add_problems(tmp_path: Path, header: Callable[..., dict[str, Any]]):
    class Adding(EvolutionCallback):
        def on_sampling_start(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            iteration.problems += sums(1, prefix="extra")

    data = evolving()
    make_evolver(tmp_path, callbacks=[Adding()]).fit(make_policy(ScriptedSampler(half_right)), datamodule=data)
    assert [rollout.problem.id for rollout in data.iteration.rollouts][-1] == "extra0"


def test_metrics_are_logged_by_iteration(tmp_path: Path):
    logger = TensorBoardLogger(tmp_path, name="", version="")
    make_evolver(tmp_path, max_epochs=2, callbacks=[Noting()], logger=logger).fit(
        make_policy(ScriptedSampler(half_right)), datamodule=evolving()
    )
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, round(event.value, 3)) for event in events.Scalars("iteration/next")] == [(0, 1.1), (1, 1.2)]


def test_a_killed_sampling_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lit_mstar.ledger.CHUNK", 8)
    dying = ScriptedSampler(half_right, kill_after=5)
    with pytest.raises(Killed):
        make_evolver(tmp_path / "a").fit(make_policy(dying), datamodule=evolving(count=16))
    resumed = ScriptedSampler(half_right)
    make_evolver(tmp_path / "a").fit(make_policy(resumed), datamodule=evolving(count=16))
    make_evolver(tmp_path / "b").fit(make_policy(ScriptedSampler(half_right)), datamodule=evolving(count=16))
    assert len(resumed.finished) == 3  # of 8: two parts of two, and the one that was begun
    assert not set(resumed.finished) & set(dying.finished)
    assert rows(tmp_path / "a", 0) == rows(tmp_path / "b", 0)


def rows(folder: Path, index: int) -> list[dict[str, Any]]:
    file = folder / f"rollouts/iteration={index:04d}/rollouts.parquet"
    return pq.read_table(file, partitioning=None).to_pylist()


def test_a_finished_iteration_is_never_sampled_again(tmp_path: Path):
    make_evolver(tmp_path).fit(make_policy(ScriptedSampler(half_right)), datamodule=evolving())
    again = ScriptedSampler(half_right)
    make_evolver(tmp_path).fit(make_policy(again), datamodule=evolving())
    assert again.calls == []


def test_rollouts_of_other_weights_are_set_aside(tmp_path: Path):
    make_evolver(tmp_path).fit(make_policy(ScriptedSampler(half_right)), datamodule=evolving())
    other, again = make_policy(sampler := ScriptedSampler(half_right)), tmp_path / "rollouts/_replaced-1-iteration=0000"
    with torch.no_grad():
        next(other.parameters()).add_(1e-3)
    with pytest.warns(UserWarning, match="rollouts of another run"):
        make_evolver(tmp_path).fit(other, datamodule=evolving())
    assert len(sampler.finished) == 4
    assert (again / "rollouts.parquet").is_file()


def test_resumed_at_an_iterations_end_it_equals_an_uninterrupted_run(tmp_path: Path):
    def fit(folder: Path, epochs: int, resume: bool = False) -> dict[str, torch.Tensor]:
        checkpoints = ModelCheckpoint(dirpath=folder, save_last=True, save_on_train_epoch_end=True)
        policy = make_policy(ScriptedSampler(half_right))
        trainer = make_evolver(folder, max_epochs=epochs, callbacks=[checkpoints, Noting()], enable_checkpointing=True)
        trainer.fit(policy, datamodule=evolving(), ckpt_path=folder / "last.ckpt" if resume else None)
        return weights(policy)

    whole = fit(tmp_path / "whole", 4)
    fit(tmp_path / "parts", 2)
    resumed = fit(tmp_path / "parts", 4, resume=True)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    for index in range(4):
        assert rows(tmp_path / "parts", index) == rows(tmp_path / "whole", index)


def test_an_iteration_without_success_is_counted_and_the_next_one_taken(
    tmp_path: Path, header: Callable[..., dict[str, Any]]
):
    hopeless = {p.id for p in share_of(sums(8), 0.5, 0)}

    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        return wrong(problem) if problem.id in hopeless else right(problem, index)

    data = evolving()
    with pytest.warns(UserWarning, match="Iteration 0: 0 of 16 responses are correct and none is selected"):
        make_evolver(tmp_path, callbacks=[Noting()]).fit(make_policy(ScriptedSampler(rule)), datamodule=data)
    assert (data.iteration.index, data.fruitless) == (1, 1)
    assert data.state_dict() == {"fruitless": 1, "index": 1, "fingerprint": header(tmp_path, 1)["fingerprint"]}
    assert header(tmp_path, 0)["metrics"] == {"responses": 16}


@pytest.mark.filterwarnings("ignore:Iteration")
def test_after_three_iterations_without_success_it_stops_with_advice(tmp_path: Path):
    sampler = ScriptedSampler(always_wrong)
    with pytest.raises(RuntimeError, match="3 iterations in a row gave nothing to learn from.*Warm the policy up"):
        make_evolver(tmp_path).fit(make_policy(sampler), datamodule=evolving())
    assert len(sampler.calls) == 3


def test_a_trainer_that_would_not_ask_again_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="reload_dataloaders_every_n_epochs: 1"):
        make_evolver(tmp_path, reload_dataloaders_every_n_epochs=0).fit(make_policy(), datamodule=evolving())


def test_an_empty_data_set_is_refused_before_the_model_is_loaded(tmp_path: Path):
    policy = make_policy()
    policy.configure_model = lambda: pytest.fail("the model was loaded")
    with pytest.raises(ValueError, match="ListSource has no 'train' problems"):
        make_evolver(tmp_path).fit(policy, datamodule=evolving(count=0))


@pytest.mark.parametrize("interval", [0.0, -0.25, 1.5])
def test_an_interval_outside_its_range_is_refused(interval: float):
    with pytest.raises(ValueError, match="must be in"):
        evolving(interval=interval)


class Killing(Callback):
    """Ends the process at the first training batch."""

    def on_train_batch_start(self, *_: Any) -> None:
        raise Killed


def files(folder: Path) -> dict[str, bytes]:
    root = folder / "rollouts"
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def share(index: int) -> set[str]:
    return {problem.id for problem in share_of(sums(8), 0.5, index)}


def test_lightning_may_ask_as_often_as_it_likes_within_an_epoch(tmp_path: Path):
    class Asking(Callback):
        def on_train_epoch_start(self, trainer: Any, *_: Any) -> None:
            trainer.datamodule.train_dataloader()

        on_train_batch_start = on_train_batch_end = on_train_epoch_start

    sampler = ScriptedSampler(half_right)
    make_evolver(tmp_path, max_epochs=3, callbacks=[Asking()]).fit(make_policy(sampler), datamodule=evolving())
    assert [set(ids) for ids, _ in sampler.calls] == [share(0), share(1), share(2)]


def test_equal_texts_are_learned_once(tmp_path: Path, seen: Any):
    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        return [wrong(problem), right(problem), right(problem, 2), right(problem)][index]

    policy = make_policy(ScriptedSampler(rule))
    make_evolver(tmp_path, callbacks=[seen]).fit(policy, datamodule=evolving())
    problems = share_of(sums(8), 0.5, 0)
    prompts = {p.id: policy.encoder.prompts([p])["input_ids"][0].tolist() for p in problems}
    expected = [(*prompts[p.id], *policy.encoder.response_ids(right(p, i))) for p in problems for i in (0, 2)]
    assert sorted(seen.epochs[0]) == sorted(expected)


@pytest.mark.parametrize("kill_after", [0, 1, 4, 7, None])
def test_wherever_it_is_killed_a_rerun_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_after: int | None
):
    monkeypatch.setattr("lit_mstar.ledger.CHUNK", 8)
    whole, dying, rerun = (make_policy(ScriptedSampler(half_right, kill)) for kill in (None, kill_after, None))
    make_evolver(tmp_path / "a", callbacks=[Noting()]).fit(whole, datamodule=evolving(interval=1.0))
    with pytest.raises(Killed):  # None: only once training begins
        make_evolver(tmp_path / "b", callbacks=[Noting(), Killing()]).fit(dying, datamodule=evolving(interval=1.0))
    make_evolver(tmp_path / "b", callbacks=[Noting()]).fit(rerun, datamodule=evolving(interval=1.0))
    assert Counter(dying.sampler.finished + rerun.sampler.finished) == Counter(problem.id for problem in sums(8))
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert all(torch.equal(weights(whole)[name], value) for name, value in weights(rerun).items())


def real_evolution(folder: Path, epochs: int, resume: Path | None = None) -> tuple[dict[str, torch.Tensor], list[int]]:
    """The real engine, on an answer that an untrained model happens to give: a response's first letter."""
    letters = ReasoningFormat(answer_pattern=r"(?s)\A[^a-zA-Z]*([a-zA-Z]).*\Z")
    policy = make_policy(TransformersSampler(), reasoning=letters)
    problems = [replace(problem, answer="st"[i % 2]) for i, problem in enumerate(sums(8))]
    data = SelfEvolvingDataModule(ListSource(train=problems), SamplingParams(n=24, max_tokens=6), 0.5, batch_size=5)
    callbacks, steps = [ModelCheckpoint(dirpath=folder, save_last=True), Noting()], []
    policy.on_before_zero_grad = lambda optimizer: steps.append(policy.global_step)
    trainer = make_evolver(folder, max_epochs=epochs, callbacks=callbacks, enable_checkpointing=True)
    trainer.fit(policy, datamodule=data, ckpt_path=resume)
    return weights(policy), steps


def test_the_real_engine_resumes_bit_by_bit(tmp_path: Path):
    whole, steps = real_evolution(tmp_path / "whole", 4)
    real_evolution(tmp_path / "parts", 2)
    resumed, _ = real_evolution(tmp_path / "parts", 4, tmp_path / "parts/last.ckpt")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert len(steps) > 8  # several batches an epoch: their order matters


@pytest.mark.filterwarnings("ignore:Iteration")
def test_skipped_iterations_are_remembered_by_the_checkpoint(tmp_path: Path):
    def fit(sampler: ScriptedSampler, epochs: int, resume: Path | None = None) -> None:
        callbacks = [ModelCheckpoint(dirpath=tmp_path, save_last=True)]
        trainer = make_evolver(tmp_path, max_epochs=epochs, callbacks=callbacks, enable_checkpointing=True)
        trainer.fit(make_policy(sampler), datamodule=evolving(), ckpt_path=resume)

    first = ScriptedSampler(lambda p, i, s: wrong(p) if len(first.calls) == 1 else right(p, i))
    fit(first, 2)  # iteration 0, of no use, then 1 and 2
    fit(second := ScriptedSampler(half_right), 3, tmp_path / "last.ckpt")
    assert [set(ids) for ids, _ in second.calls] == [share(3)]


@pytest.mark.filterwarnings("ignore:Iteration")
def test_patience_counts_failures_in_a_row(tmp_path: Path, header: Callable[..., dict[str, Any]]):
    sampler, data = (
        ScriptedSampler(lambda p, i, s: wrong(p) if len(sampler.calls) % 2 else right(p, i)),
        evolving(patience=2),
    )
    make_evolver(tmp_path, max_epochs=4).fit(make_policy(sampler), datamodule=data)
    assert (data.iteration.index, data.fruitless) == (7, 4)
    assert [header(tmp_path, index)["index"] for index in range(8)] == list(range(8))


@pytest.mark.filterwarnings("ignore:Iteration")
def test_iterations_that_led_to_the_stop_are_in_the_ledger(tmp_path: Path, header: Callable[..., dict[str, Any]]):
    with pytest.raises(RuntimeError, match="2 iterations in a row"):
        make_evolver(tmp_path).fit(make_policy(ScriptedSampler(always_wrong)), datamodule=evolving(patience=2))
    for index in range(2):
        assert header(tmp_path, index)["metrics"] == {}
        assert [row["correct"] for row in rows(tmp_path, index)] == [False] * 16
        assert {row["problem_id"] for row in rows(tmp_path, index)} == share(index)


def test_hooks_come_before_and_after_training_and_before_the_checkpoint(tmp_path: Path):
    class Recording(Noting):
        def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
            self.calls.append(("train", trainer.current_epoch))

        def on_save_checkpoint(self, trainer: Any, *_: Any) -> None:
            self.calls.append(("save", trainer.current_epoch))

    recording, checkpoints = Recording(), ModelCheckpoint(dirpath=tmp_path, save_on_train_epoch_end=True)
    trainer = make_evolver(tmp_path, max_epochs=2, callbacks=[recording, checkpoints], enable_checkpointing=True)
    trainer.fit(make_policy(ScriptedSampler(half_right)), datamodule=evolving(batch_size=8))
    order = ("start", "sampled", "train", "end", "save")
    assert recording.calls == [(name, index) for index in (0, 1) for name in order]


def test_hooks_see_marked_responses_and_decide_what_is_learned(tmp_path: Path, seen: Any):
    class Last(EvolutionCallback):
        def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            for rollout in iteration.rollouts:
                assert [response.correct for response in rollout.responses] == [False, True, False, True]
                assert rollout.selected == [1, 3]
                rollout.selected = [3] if rollout is iteration.rollouts[-1] else []

    data, policy = evolving(), make_policy(ScriptedSampler(half_right))
    make_evolver(tmp_path, callbacks=[Last(), seen]).fit(policy, datamodule=data)
    problem = share_of(sums(8), 0.5, 0)[-1]
    prompt = policy.encoder.prompts([problem])["input_ids"][0].tolist()
    assert seen.epochs == [[(*prompt, *policy.encoder.response_ids(right(problem, 3)))]]


def test_added_problems_are_of_one_iteration_only(tmp_path: Path):
    class Adding(EvolutionCallback):
        def on_sampling_start(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            iteration.problems += sums(1, prefix=f"extra{iteration.index}-")

    sampler = ScriptedSampler(half_right)
    trainer = make_evolver(tmp_path, max_epochs=3, callbacks=[Adding()])
    trainer.fit(make_policy(sampler), datamodule=evolving())
    assert [set(ids) for ids, _ in sampler.calls] == [share(index) | {f"extra{index}-0"} for index in range(3)]


def test_metrics_are_there_for_other_callbacks(tmp_path: Path):
    trainer = make_evolver(tmp_path, max_epochs=2, callbacks=[Noting()])
    trainer.fit(make_policy(ScriptedSampler(half_right)), datamodule=evolving())
    assert float(trainer.callback_metrics["next"]) == pytest.approx(1.2)


def test_measuring_touches_neither_ledger_nor_iteration(tmp_path: Path):
    class Looking(EvolutionCallback):
        def on_iteration_end(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            measured.append(trainer.datamodule.measure("validate", SamplingParams(n=3, temperature=0.3)))
            assert trainer.datamodule.iteration is iteration

    measured: list[Iteration] = []
    source = ListSource(train=sums(8), validate=sums(3, "v"))
    data = SelfEvolvingDataModule(source, SamplingParams(n=4, max_tokens=8), interval=0.5, batch_size=4)
    make_evolver(tmp_path / "plain").fit(make_policy(ScriptedSampler(half_right)), datamodule=evolving())
    trainer = make_evolver(tmp_path / "measured", callbacks=[Looking()])
    trainer.fit(make_policy(ScriptedSampler(half_right)), datamodule=data)
    (found,) = measured
    assert (found.split, [rollout.problem.id for rollout in found.rollouts]) == ("validate", ["v0", "v1", "v2"])
    assert [[x.correct for x in rollout.responses] for rollout in found.rollouts] == [[False, True, False]] * 3
    assert files(tmp_path / "plain") == files(tmp_path / "measured")


@pytest.mark.filterwarnings("ignore:Iteration")
def test_fewer_problems_than_shares_are_all_sampled_in_a_pass(tmp_path: Path):
    sampler = ScriptedSampler(lambda p, i, s: right(p, i))
    data = evolving(count=2, interval=0.25, patience=4)
    make_evolver(tmp_path, max_epochs=2).fit(make_policy(sampler), datamodule=data)
    assert Counter(sampler.finished) == Counter(["p0", "p1"])


def test_a_seed_of_its_own_draws_other_responses(tmp_path: Path):
    samplers = [ScriptedSampler(half_right) for _ in range(3)]
    for sampler, seed in zip(samplers, (0, 0, 1), strict=True):
        data = evolving(sampling=SamplingParams(n=4, seed=seed))
        make_evolver(tmp_path / str(id(sampler)), max_epochs=2).fit(make_policy(sampler), datamodule=data)
    first, again, other = ([sampling.seed for _, sampling in sampler.calls] for sampler in samplers)
    assert first == again
    assert len({*first, *other}) == 4


class Noise(Callback):
    """Adds random numbers to the gradients, as dropout would, and ends the run after a step."""

    def __init__(self, end_after: int | None = None) -> None:
        self.end_after = end_after

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        for parameter in pl_module.parameters():
            if parameter.grad is not None:
                parameter.grad += torch.randn_like(parameter) / 100

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.end_after:
            raise Killed


def noisy(folder: Path, end_after: int | None = None, resume: Path | None = None) -> tuple[Any, ScriptedSampler]:
    """Three iterations of four steps each, with a checkpoint at every step."""
    torch.manual_seed(1)
    sampler = ScriptedSampler(half_right)
    keeper = ModelCheckpoint(dirpath=folder, save_last=True, every_n_train_steps=1, enable_version_counter=False)
    callbacks = [keeper, Noise(end_after), Noting()]
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
    evolving_options = {"max_epochs": 3, "reload_dataloaders_every_n_epochs": 1, "default_root_dir": folder}
    trainer = MStarTrainer(accelerator="cpu", devices=1, callbacks=callbacks, **quiet, **evolving_options)
    policy = make_policy(sampler)
    torch.manual_seed(1)
    data = evolving(batch_size=2)
    data.source.splits["validate"] = sums(3, "v")
    trainer.fit(policy, datamodule=data, ckpt_path=resume)
    return weights(policy), sampler


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, noisy(folder)[0]


@pytest.mark.parametrize("step", [1, 3, 4, 6, 8, 11])  # amid an iteration, after its last step, amid the next, …
def test_killed_amid_an_iteration_it_ends_as_if_nothing_had_happened(
    tmp_path: Path, uninterrupted: tuple[Path, dict[str, torch.Tensor]], step: int
):
    whole, wanted = uninterrupted
    with pytest.raises(Killed):
        noisy(tmp_path, end_after=step)
    before = rows(tmp_path, (step - 1) // 4)
    torch.rand(7)  # another process has used up other random numbers
    resumed, sampler = noisy(tmp_path, resume=tmp_path / "last.ckpt")
    assert all(torch.equal(wanted[name], resumed[name]) for name in wanted)
    assert [rows(tmp_path, index) for index in range(3)] == [rows(whole, index) for index in range(3)]
    assert rows(tmp_path, (step - 1) // 4) == before
    assert not list((tmp_path / "rollouts").glob("_replaced*"))
    later = [ids for ids, sampling in sampler.calls if sampling.temperature > 0]
    assert [len(ids) for ids in later] == [4] * (2 - step // 4)  # only iterations that had not been sampled
    validated = [ids for ids, sampling in sampler.calls if sampling.temperature == 0]
    assert len(validated) == 3 - (step - 1) // 4  # also after a last step: the epoch's end is still to come


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path):
    torch.manual_seed(3)
    prm = ProcessRewardModule(make_tiny_backbone())
    prm.configure_model()
    seen = {}
    for ranks in (1, 2):
        prm.save(tmp_path / f"{ranks}/prm")
        seen[ranks] = evolving_ranks.run(ranks, tmp_path / f"{ranks}")
    (alone,), (first, second) = seen[1], seen[2]
    assert first["learned"] == second["learned"] == alone["learned"]  # the identical list on every rank
    assert sorted(first["sampled"] + second["sampled"]) == sorted(alone["sampled"])  # nothing twice, nothing left out
    assert first["accuracy"] == second["accuracy"] == alone["accuracy"]
    assert (alone["random states"], first["random states"]) == (1, 2)
    for index in range(2):
        one, two = header(tmp_path / "1", index), header(tmp_path / "2", index)
        assert len(one["metrics"]) > 12
        assert one["metrics"] == two["metrics"]
        assert one["sampling"] == two["sampling"]
        for row, same in zip(rows(tmp_path / "2", index), rows(tmp_path / "1", index), strict=True):
            assert row.pop("step_scores") == pytest.approx(same.pop("step_scores"), abs=1e-6)
            assert row.pop("score") == pytest.approx(same.pop("score"), abs=1e-6)
            assert row == same
    one, two = (torch.load(tmp_path / f"{n}/checkpoints/last.ckpt")["state_dict"] for n in (1, 2))
    assert largest_difference(one, two) < 1e-4


def test_a_server_that_hangs_ends_the_run_and_what_it_gave_is_kept(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        class Hanging(ScriptedSampler):
            def sample(self, problems: Any, sampling: SamplingParams, prefixes: Any = None) -> Any:
                for number, item in enumerate(super().sample(problems, sampling, prefixes)):
                    if number == 3:
                        socket.create_connection(server.getsockname()).recv(1)  # nobody ever answers
                    yield item

        policy = make_policy(Hanging(half_right))
        with pytest.raises(TimeoutError, match=r"No problem was finished in 0.5 s \(iteration 0: sampling\)"):
            make_evolver(tmp_path).fit(policy, datamodule=evolving(count=16, stall_timeout=0.5))
    assert len({row["problem_id"] for part in (tmp_path / "rollouts").rglob("part-*") for row in part_rows(part)}) == 3
    resumed = ScriptedSampler(half_right)
    make_evolver(tmp_path).fit(make_policy(resumed), datamodule=evolving(count=16))
    assert len(resumed.finished) == 5


def part_rows(part: Path) -> list[dict[str, Any]]:
    return pq.ParquetFile(part).read().to_pylist()


def test_a_full_disk_is_said_before_anything_is_sampled(tmp_path: Path):
    sampler = ScriptedSampler(half_right)
    with pytest.raises(OSError, match="reserve_gb and two"):
        make_evolver(tmp_path).fit(make_policy(sampler), datamodule=evolving(reserve_gb=1e9))
    assert sampler.calls == []
    assert not (tmp_path / "rollouts").exists()


def test_sigterm_between_two_problems_keeps_what_is_sampled(tmp_path: Path):
    sampler = ScriptedSampler(lambda problem, index, sampling: terminate(sampler, problem, index))

    def terminate(sampler: ScriptedSampler, problem: Problem, index: int) -> str:
        if len(sampler.finished) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return right(problem, index)

    with pytest.raises(SIGTERMException):
        make_evolver(tmp_path).fit(make_policy(sampler), datamodule=evolving(count=16))
    assert len({row["problem_id"] for part in (tmp_path / "rollouts").rglob("part-*") for row in part_rows(part)}) == 3
