"""Self-evolution with a central sampler, as a job for several processes without a shared folder (see ranks.py).

13 of 26 problems an iteration, in chunks of 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import distributed as dist

from lit_mstar import EvolutionCallback, Problem
from lit_mstar.callbacks import CollapseGuard, CorrectFilter, DifficultyBand, TrainingDynamics
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.rewards import TopK
from lit_mstar.rollouts import ledger
from lit_mstar.rollouts.nouns import SamplingParams
from support.evolution import Scoring
from support.evolving_ranks import chain
from support.scripted import Killed, ListSource, ScriptedSampler, make_evolver, make_policy, sums, wrong


def some_right(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """Every third problem is never solved."""
    return chain(problem, index, sampling) if int(problem.id[1:]) % 3 else wrong(problem, index)


class Central(ScriptedSampler):
    """Asked by one rank."""

    central = True


class Scored(Scoring):
    """Scores by number and length, one response at a time."""

    divisible = True

    def __init__(self) -> None:
        super().__init__(lambda problem, response: (int(problem.id[1:]) % 5 + len(response.text)) / 100)


class Seeing(EvolutionCallback):
    """Notes what it sees, and selects by the rank, which only one rank can mean."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Any) -> None:
        self.seen.append([rollout.problem.id for rollout in iteration.rollouts])
        for rollout in iteration.rollouts:
            rollout.selected = [trainer.global_rank]


def fit(folder: Path, sampler: ScriptedSampler, *callbacks: Any, epochs: int = 1, **changes: Any) -> Any:
    """A fit with problems that may be changed; returns its data."""
    ranks = dist.get_world_size()
    problems: list[Problem] = [replace(problem, **changes) for problem in sums(26)]
    sampling = SamplingParams(n=4, max_tokens=8)
    data = SelfEvolvingDataModule(ListSource(train=problems), sampling, 0.5, batch_size=6 // ranks)
    parallel = {"devices": ranks, "strategy": "ddp_find_unused_parameters_true" if ranks > 1 else "auto"}
    trainer = make_evolver(folder, max_epochs=epochs, callbacks=list(callbacks), limit_train_batches=1, **parallel)
    trainer.fit(make_policy(sampler), datamodule=data)
    return data


def failure(*args: Any) -> str:
    """What `fit` fails with."""
    try:
        fit(*args)
    except (Killed, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def learned(data: Any) -> list[Any]:
    """The last epoch's examples."""
    return [(problem.id, ids.tolist()) for problem, ids in data._examples]


def shares_job(folder: Path) -> Iterator[tuple[str, Any]]:
    """What each rank asked for, learned and measured; each has a disk of its own."""
    ledger.CHUNK = 8
    own = folder / f"rank-{dist.get_rank()}"
    yield "killed", failure(own, Central(some_right, kill_after=7))
    sampler = Central(some_right)
    decisions = [Scored(), CorrectFilter(TopK(k=2)), CollapseGuard(), DifficultyBand(low=0.3), TrainingDynamics()]
    data = fit(own, sampler, *decisions, epochs=3)
    yield "asked", [asked for asked, _ in sampler.calls]
    yield "learned", learned(data)
    yield "share", [rollout.problem.id for rollout in data.iteration.rollouts]
    yield "counts", data.iteration.counts
    yield "metrics", data.iteration.metrics
    yield "on disk", sorted(str(file.relative_to(own)) for file in own.rglob("*") if "_share" not in str(file))
    del data

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        marked = fit(own, Central(some_right), Scored(), CorrectFilter(TopK(k=2)), answer="none")
    yield "marked anew", [str(one.message) for one in said if "marked anew" in str(one.message)]
    yield "learned of these", learned(marked)

    seeing = Seeing()
    yield "learned of all", learned(fit(own / "all", Central(some_right), seeing))
    yield "seen", seeing.seen
    yield "own engines, own disks", failure(own / "apart", ScriptedSampler(some_right))
