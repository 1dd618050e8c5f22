"""A self-evolving run on however many processes, as a job for them (see ranks.py).

Two iterations on 12 problems in waves, with a PRM, a balancer and an odd number of validation problems; batches of 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import distributed as dist

from lit_mstar import Problem
from lit_mstar.callbacks import PRMFilter, TemperatureBalancer, TrainingDynamics
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.modules.tested import TESTED
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.rollouts.parquet import read_table
from lit_mstar.rollouts.waves import Waves
from support.scripted import ListSource, ScriptedSampler, make_evolver, make_policy, sums


def chain(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """Different chains of 1 to 3 steps; how many are right depends on the problem and on the temperature."""
    number = int("".join(c for c in problem.id if c.isdigit()))
    steps = "".join(f"Step {k}: {'abcdefgh'[(index * 3 + k * 5 + number) % 8] * (k + index)}\n" for k in range(1, 4))
    right = (index * 7 + number) % 4 < 2 + (sampling.temperature < 1) or sampling.temperature == 0
    return f"{steps}Answer: {problem.answer if right else 'none'}"


def evolution_job(folder: Path) -> Iterator[tuple[str, Any]]:
    """What each rank sampled, learned and measured."""
    ranks = dist.get_world_size()
    sampler = ScriptedSampler(chain)
    source = ListSource(train=sums(24), validate=sums(7, "v"), test=sums(5, "t"))
    sampling, waves = SamplingParams(n=4, max_tokens=8), Waves(first=2, hopeless=4)
    data = SelfEvolvingDataModule(source, sampling, 0.5, waves=waves, batch_size=8 // ranks)
    callbacks = [
        PRMFilter(str(folder / "prm")),
        TemperatureBalancer(every=1, grid=[0.5, 1.0], search="race", first=3),
        TrainingDynamics(k=4),
        ModelCheckpoint(dirpath=folder / "checkpoints", save_last=True, save_on_train_epoch_end=True),
    ]
    # The problems have no images: the vision tower learns nothing.
    parallel = {"devices": ranks, "strategy": "ddp_find_unused_parameters_true" if ranks > 1 else "auto"}
    policy = make_policy(sampler)
    trainer = make_evolver(folder, max_epochs=2, callbacks=callbacks, enable_checkpointing=True, **parallel)
    trainer.fit(policy, datamodule=data)
    yield "sampled", [id for id in sampler.finished if not id.startswith("v")]
    yield "learned", [(problem.id, ids.tolist()) for problem, ids in data._examples]
    yield "accuracy", float(trainer.callback_metrics["val/accuracy"])
    yield "random states", len(torch.load(folder / "checkpoints/last.ckpt")["lit_mstar_random_states"])
    trainer.test(policy, datamodule=data, verbose=False)
    dist.barrier()  # the first rank writes
    yield "tested", sorted((row["problem_id"], row["answer"]) for row in read_table(folder / TESTED).to_pylist())
