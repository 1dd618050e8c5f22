"""Sampling in waves: who gets how many responses, against a loop over each problem alone."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lit_mstar import Iteration, Problem
from lit_mstar.callbacks import TrainingDynamics
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.data.fingerprint import sampling_fingerprint
from lit_mstar.rollouts.identity import digest, question_digest
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.rollouts.waves import Waves
from lit_mstar.samplers.base import response_stream
from lit_mstar.training.randomness import derived_seed
from support.evolving import Noting, evolving, files, header, rows
from support.scripted import Killed, ListSource, ScriptedSampler, make_evolver, make_policy, right, sums, wrong

WAVES = Waves(first=2, enough=2, hopeless=4)
N = 12


def by_chance(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """Right with a chance of its own for each problem; one of three texts."""
    stream = response_stream(sampling.seed, problem, "", index)
    number = int(problem.id[1:])
    return (right if stream.random() < number / 20 else wrong)(problem, int(stream.integers(3)))


def waving(**options: Any) -> SelfEvolvingDataModule:
    settings = {"count": 20, "sampling": SamplingParams(n=N, max_tokens=8), "interval": 1.0, "waves": WAVES}
    return evolving(**(settings | options))


def alone(problem: Problem, seed: int) -> list[str]:
    """A problem's texts, drawn by itself until the rules say stop."""
    texts: list[str] = []
    while len(texts) < N:
        start, size = len(texts), min(len(texts) or 2, N - len(texts))
        wave = SamplingParams(n=size, seed=derived_seed(f"{seed} {start}") if start else seed)
        texts += [by_chance(problem, index, wave) for index in range(size)]
        good = {text for text in texts if text.endswith(f"Answer: {problem.answer}")}
        if len(good) >= 2 or (not good and len(texts) >= 4):
            break
    return texts


def by_problem(found: list[dict[str, Any]]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for row in found:
        assert row["index"] == len(texts.setdefault(row["problem_id"], []))  # in order, and none twice
        texts[row["problem_id"]].append(row["text"])
    return texts


def test_each_problem_has_what_it_would_have_alone(tmp_path: Path):
    sampler = ScriptedSampler(by_chance)
    make_evolver(tmp_path, callbacks=[TrainingDynamics()]).fit(make_policy(sampler), datamodule=waving())
    seed = header(tmp_path, 0)["sampling"]["seed"]
    found = rows(tmp_path, 0)
    assert by_problem(found) == {problem.id: alone(problem, seed) for problem in sums(20)}
    assert {len(texts) for texts in by_problem(found).values()} == {2, 4, 8, 12}  # all kinds are among them
    assert [sampling.n for _, sampling in sampler.calls] == [2, 2, 4, 4]
    assert len({sampling.seed for _, sampling in sampler.calls}) == 4
    metrics = header(tmp_path, 0)["metrics"]
    assert metrics["sampled"] == len(found)
    assert metrics["correct"] == sum(row["correct"] for row in found)
    assert metrics["share_correct"] == sum(row["correct"] for row in found if row["index"] < 2) / 40
    assert header(tmp_path, 0)["waves"] == {"first": 2, "enough": 2, "hopeless": 4}


@pytest.mark.parametrize("kill_after", [0, 3, 20, 25, 33])  # in the first wave, between two, in later ones
def test_wherever_it_is_killed_a_rerun_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_after: int):
    monkeypatch.setattr("lit_mstar.rollouts.ledger.CHUNK", 24)
    whole, dying, rerun = (make_policy(ScriptedSampler(by_chance, kill)) for kill in (None, kill_after, None))
    make_evolver(tmp_path / "a", callbacks=[Noting()]).fit(whole, datamodule=waving())
    with pytest.raises(Killed):
        make_evolver(tmp_path / "b", callbacks=[Noting()]).fit(dying, datamodule=waving())
    parts = (tmp_path / "b/rollouts").rglob("part-*")
    kept = {row["problem_id"] for part in parts for row in pq.ParquetFile(part).read().to_pylist()}
    make_evolver(tmp_path / "b", callbacks=[Noting()]).fit(rerun, datamodule=waving())
    assert not kept & set(rerun.sampler.finished)
    assert bool(kept) == (kill_after > 3)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_ranks_that_share_an_engine_call_it_equally_often(tmp_path: Path):
    class Shared(ScriptedSampler):
        independent = False

    sampler = Shared(lambda problem, index, sampling: right(problem, index))  # all have enough at once
    make_evolver(tmp_path).fit(make_policy(sampler), datamodule=waving())
    assert [(len(ids), sampling.n) for ids, sampling in sampler.calls] == [(20, 2), (0, 2), (0, 4), (0, 4)]


def test_a_sampler_that_gives_fewer_than_asked_loses_nothing(tmp_path: Path):
    class Short(ScriptedSampler):
        def sample(self, *asked: Any) -> Any:
            for place, rollout in super().sample(*asked):
                yield place, replace(rollout, responses=rollout.responses[1:])

    make_evolver(tmp_path).fit(make_policy(Short(by_chance)), datamodule=waving(waves=None))
    assert Counter(row["problem_id"] for row in rows(tmp_path, 0)) == {f"p{i}": N - 1 for i in range(20)}


def test_what_is_measured_has_all_its_responses(tmp_path: Path):
    data = waving()
    data.source.splits["validate"] = sums(3, "v")
    trainer = make_evolver(tmp_path)
    trainer.fit(make_policy(ScriptedSampler(lambda problem, index, _: right(problem, index))), datamodule=data)
    assert [len(rollout.responses) for rollout in data.measure("validate", data.sampling).rollouts] == [N] * 3


def test_nobody_gives_up_on_what_nobody_can_mark(tmp_path: Path):
    problems = [replace(problem, answer=None) for problem in sums(2)]
    data = SelfEvolvingDataModule(ListSource(train=sums(2, "k")), SamplingParams(n=N), 1.0, waves=WAVES)

    class Adding(Noting):
        def on_sampling_start(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            iteration.problems = [*iteration.problems, *problems]

    rule = ScriptedSampler(lambda problem, index, _: right(problem, index) if problem.answer else "?")
    make_evolver(tmp_path, callbacks=[Adding()]).fit(make_policy(rule), datamodule=data)
    assert Counter(row["problem_id"] for row in rows(tmp_path, 0)) == {"k0": 2, "k1": 2, "p0": N, "p1": N}


def test_other_waves_are_another_run_and_none_are_what_they_were(tmp_path: Path):
    iteration = Iteration(index=0, problems=sums(2), sampling=SamplingParams())
    old = digest(([question_digest(problem) for problem in sums(2)], SamplingParams(), "said", "weights"))
    found = [
        sampling_fingerprint(replace(iteration, waves=waves), "said", "weights", None)
        for waves in (None, Waves(), Waves(first=2), Waves(enough=3), Waves(hopeless=9))
    ]
    assert found[0] == old
    assert len(set(found)) == 5
    make_evolver(tmp_path).fit(make_policy(ScriptedSampler(by_chance)), datamodule=waving())
    again = ScriptedSampler(by_chance)
    with pytest.warns(UserWarning, match="rollouts of another run"):
        make_evolver(tmp_path).fit(make_policy(again), datamodule=waving(waves=None))
    assert [sampling.n for _, sampling in again.calls] == [N]
    assert "waves" not in json.loads((tmp_path / "rollouts/iteration=0000/_iteration.json").read_text())


@pytest.mark.parametrize("name", ["first", "enough"])
def test_more_than_there_may_be_is_refused(name: str):
    with pytest.raises(ValueError, match=re.escape(f"Waves.{name} is 13, but sampling.n is 12")):
        waving(waves=Waves(**{name: 13}))
