"""The Generate step: what is sampled, when and how often."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_mstar import EvolutionCallback, Iteration, Problem
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.data.interval import share_of
from lit_mstar.rollouts.nouns import SamplingParams
from support.evolving import Noting, evolving, files, half_right, header, rows, share
from support.scripted import (
    ListSource,
    ScriptedSampler,
    make_evolver,
    make_policy,
    right,
    sums,
    wrong,
)


def always_wrong(problem: Problem, index: int, sampling: SamplingParams) -> str:
    return wrong(problem, index)


def test_each_epoch_samples_its_own_share_once(tmp_path: Path):
    sampler, data = ScriptedSampler(half_right), evolving()
    make_evolver(tmp_path, max_epochs=3).fit(make_policy(sampler), datamodule=data)
    shares = [{p.id for p in share_of(sums(8), 0.5, index)} for index in range(3)]
    assert [set(ids) for ids, _ in sampler.calls] == shares
    assert len({sampling.seed for _, sampling in sampler.calls}) == 3


def test_the_engine_is_told_what_was_said_before_about_the_same_problems(tmp_path: Path):
    class Recalling(ScriptedSampler):
        def recall(self, problems: Any, said: Any) -> None:
            told.append([(x.problem.id, len(x.responses)) for x in said(problems)])
            few.append([x.problem.id for x in said(problems[:1])])

    told: list[list[tuple[str, int]]] = []
    few: list[list[str]] = []
    make_evolver(tmp_path, max_epochs=4).fit(make_policy(Recalling(half_right)), datamodule=evolving())
    shares = [[p.id for p in share_of(sums(8), 0.5, index)] for index in range(4)]
    before = [[i for share in shares[:index][::-1] for i in shares[index] if i in share] for index in range(4)]
    assert told == [[(i, 4) for i in ids] for ids in before]
    assert [len(ids) for ids in before] == [0, 0, 4, 4]
    assert few == [[], [], shares[2][:1], shares[3][:1]]


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


def test_hooks_come_in_order_with_their_iteration(tmp_path: Path):
    noting = Noting()
    make_evolver(tmp_path, max_epochs=2, callbacks=[noting]).fit(
        make_policy(ScriptedSampler(half_right)), datamodule=evolving()
    )
    assert noting.calls == [(name, index) for index in (0, 1) for name in ("start", "sampled", "end")]
    assert header(tmp_path, 1)["sampling"]["temperature"] == pytest.approx(1.1)
    assert header(tmp_path, 1)["metrics"] == pytest.approx({"responses": 16, "next": 1.2})


def test_a_hook_may_add_problems(tmp_path: Path):
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


def test_an_iteration_without_success_is_counted_and_the_next_one_taken(tmp_path: Path):
    hopeless = {p.id for p in share_of(sums(8), 0.5, 0)}

    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        return wrong(problem) if problem.id in hopeless else right(problem, index)

    data = evolving()
    with pytest.warns(UserWarning, match="Iteration 0: 0 of 16 responses are correct and none is selected"):
        make_evolver(tmp_path, callbacks=[Noting()]).fit(make_policy(ScriptedSampler(rule)), datamodule=data)
    assert (data.iteration.index, data.fruitless) == (1, 1)
    assert {name: data.state_dict()[name] for name in ("fruitless", "index")} == {"fruitless": 1, "index": 1}
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


@pytest.mark.filterwarnings("ignore:Iteration")
def test_patience_counts_failures_in_a_row(tmp_path: Path):
    sampler, data = (
        ScriptedSampler(lambda p, i, s: wrong(p) if len(sampler.calls) % 2 else right(p, i)),
        evolving(patience=2),
    )
    make_evolver(tmp_path, max_epochs=4).fit(make_policy(sampler), datamodule=data)
    assert (data.iteration.index, data.fruitless) == (7, 4)
    assert [header(tmp_path, index)["index"] for index in range(8)] == list(range(8))


@pytest.mark.filterwarnings("ignore:Iteration")
def test_iterations_that_led_to_the_stop_are_in_the_ledger(tmp_path: Path):
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


def test_a_full_disk_is_said_before_anything_is_sampled(tmp_path: Path):
    sampler = ScriptedSampler(half_right)
    with pytest.raises(OSError, match="reserve_gb and two"):
        make_evolver(tmp_path).fit(make_policy(sampler), datamodule=evolving(reserve_gb=1e9))
    assert sampler.calls == []
    assert not (tmp_path / "rollouts").exists()
