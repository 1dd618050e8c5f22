"""A small self-evolution whose sampler, data and callbacks are known, and what it leaves on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from lightning.pytorch import Callback

from lit_mstar import EvolutionCallback, Iteration, Problem
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.data.interval import share_of
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import (
    Killed,
    ListSource,
    right,
    sums,
    wrong,
)


def half_right(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """Every second response is right."""
    return right(problem, index) if index % 2 else wrong(problem, index)


def evolving(count: int = 8, **options: Any) -> SelfEvolvingDataModule:
    """Iterations of half of `count` problems, 4 responses each."""
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


class Noise(Callback):
    """Adds random numbers to the gradients, as dropout would, and ends the run before a step."""

    def __init__(self, end_before: int | None = None) -> None:
        self.end_before = end_before

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        for parameter in pl_module.parameters():
            if parameter.grad is not None:
                parameter.grad += torch.randn_like(parameter) / 100

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.end_before:
            raise Killed


def header(folder: Path, index: int) -> dict[str, Any]:
    """What the ledger notes of an iteration."""
    return dict(json.loads((folder / f"rollouts/iteration={index:04d}/_iteration.json").read_text()))


def rows(folder: Path, index: int) -> list[dict[str, Any]]:
    """An iteration's responses in the ledger."""
    file = folder / f"rollouts/iteration={index:04d}/rollouts.parquet"
    return pq.read_table(file, partitioning=None).to_pylist()


def files(folder: Path) -> dict[str, bytes]:
    """The ledger, byte by byte."""
    root = folder / "rollouts"
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def share(index: int) -> set[str]:
    """The problems of an iteration of `evolving()`."""
    return {problem.id for problem in share_of(sums(8), 0.5, index)}


class Keeping(EvolutionCallback):
    """Keeps the iterations, with copies of their rollouts."""

    def __init__(self) -> None:
        self.iterations: list[Iteration] = []

    def on_iteration_end(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        self.iterations.append(replace(iteration, rollouts=list(iteration.rollouts)))
