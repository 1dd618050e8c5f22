"""What survives: a run that was killed, stopped or refused ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_mstar import Problem
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler
from lit_mstar.training.trainer import MStarTrainer
from support.evolving import Noise, Noting, evolving, files, half_right, rows, share
from support.scripted import (
    Killed,
    ListSource,
    ScriptedSampler,
    make_evolver,
    make_policy,
    right,
    sums,
    weights,
    wrong,
)


class Killing(Callback):
    """Ends the process at the first training batch."""

    def on_train_batch_start(self, *_: Any) -> None:
        raise Killed


def test_a_killed_sampling_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lit_mstar.rollouts.ledger.CHUNK", 8)
    dying = ScriptedSampler(half_right, kill_after=5)
    with pytest.raises(Killed):
        make_evolver(tmp_path / "a").fit(make_policy(dying), datamodule=evolving(count=16))
    resumed = ScriptedSampler(half_right)
    make_evolver(tmp_path / "a").fit(make_policy(resumed), datamodule=evolving(count=16))
    make_evolver(tmp_path / "b").fit(make_policy(ScriptedSampler(half_right)), datamodule=evolving(count=16))
    assert len(resumed.finished) == 3  # of 8: two parts of two, and the one that was begun
    assert not set(resumed.finished) & set(dying.finished)
    assert rows(tmp_path / "a", 0) == rows(tmp_path / "b", 0)


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


@pytest.mark.parametrize("kill_after", [0, 1, 4, 7, None])
def test_wherever_it_is_killed_a_rerun_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_after: int | None
):
    monkeypatch.setattr("lit_mstar.rollouts.ledger.CHUNK", 8)
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
    letters = ReasoningFormat(answer_pattern=r"(?s)\A[^a-zA-Z]*([a-zA-Z]).*\Z", cut_may_be_right=True)
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


def noisy(folder: Path, end_before: int | None = None, resume: Path | None = None) -> tuple[Any, ScriptedSampler]:
    """Three iterations of four steps each, with a checkpoint at every step."""
    torch.manual_seed(1)
    sampler = ScriptedSampler(half_right)
    keeper = ModelCheckpoint(dirpath=folder, save_last=True, every_n_train_steps=1, enable_version_counter=False)
    callbacks = [keeper, Noise(end_before), Noting()]
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
        noisy(tmp_path, end_before=step)
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


def test_a_server_that_hangs_ends_the_run_and_what_it_gave_is_kept(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        class Hanging(ScriptedSampler):
            def sample(self, problems: Any, sampling: SamplingParams, prefixes: Any = None) -> Any:
                for number, item in enumerate(super().sample(problems, sampling, prefixes)):
                    if number == 3:
                        socket.create_connection(server.getsockname()).recv(1)  # nobody ever answers
                    yield item

        policy = make_policy(Hanging(half_right))
        with pytest.raises(TimeoutError, match=r"No problem was finished in 0.5 s \(sampling iteration 0\)"):
            make_evolver(tmp_path).fit(policy, datamodule=evolving(count=16, stall_timeout=0.5))
    assert len({row["problem_id"] for part in (tmp_path / "rollouts").rglob("part-*") for row in part_rows(part)}) == 3
    resumed = ScriptedSampler(half_right)
    make_evolver(tmp_path).fit(make_policy(resumed), datamodule=evolving(count=16))
    assert len(resumed.finished) == 5


def part_rows(part: Path) -> list[dict[str, Any]]:
    return pq.ParquetFile(part).read().to_pylist()


def test_sigterm_between_two_problems_keeps_what_is_sampled(tmp_path: Path):
    sampler = ScriptedSampler(lambda problem, index, sampling: terminate(sampler, problem, index))

    def terminate(sampler: ScriptedSampler, problem: Problem, index: int) -> str:
        if len(sampler.finished) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return right(problem, index)

    with pytest.raises(SIGTERMException):
        make_evolver(tmp_path).fit(make_policy(sampler), datamodule=evolving(count=16))
    assert len({row["problem_id"] for part in (tmp_path / "rollouts").rglob("part-*") for row in part_rows(part)}) == 3
