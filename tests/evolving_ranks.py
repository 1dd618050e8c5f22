"""A self-evolving run on however many processes: `… tests/evolving_ranks.py STRATEGY FOLDER`, started by torchrun.

Two iterations on 12 problems, with a PRM, a balancer and an odd number of validation problems; batches of 8 in all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from scripted import ListSource, ScriptedSampler, make_evolver, make_policy, sums
from torch import distributed as dist

from lit_mstar import Problem
from lit_mstar.callbacks import PRMFilter, TemperatureBalancer, TrainingDynamics
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.rollouts import SamplingParams


def run(ranks: int, folder: Path) -> list[dict[str, Any]]:
    """Runs it; returns what each rank saw."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    done = subprocess.run([*launcher, __file__, str(folder)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(ranks)]


def chain(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """Different chains of 1 to 3 steps; how many are right depends on the problem and on the temperature."""
    number = int("".join(c for c in problem.id if c.isdigit()))
    steps = "".join(f"Step {k}: {'abcdefgh'[(index * 3 + k * 5 + number) % 8] * (k + index)}\n" for k in range(1, 4))
    right = (index * 7 + number) % 4 < 2 + (sampling.temperature < 1) or sampling.temperature == 0
    return f"{steps}Answer: {problem.answer if right else 'none'}"


def main() -> None:
    folder, ranks = Path(sys.argv[1]), int(os.environ["WORLD_SIZE"])
    torch.set_num_threads(1)
    sampler = ScriptedSampler(chain)
    source = ListSource(train=sums(24), validate=sums(7, "v"), test=[])
    data = SelfEvolvingDataModule(source, SamplingParams(n=4, max_tokens=8), 0.5, batch_size=8 // ranks)
    callbacks = [
        PRMFilter(str(folder / "prm")),
        TemperatureBalancer(every=1, grid=[0.5, 1.0]),
        TrainingDynamics(k=4),
        ModelCheckpoint(dirpath=folder / "checkpoints", save_last=True, save_on_train_epoch_end=True),
    ]
    # The problems have no images: the vision tower learns nothing.
    parallel = {"devices": ranks, "strategy": "ddp_find_unused_parameters_true" if ranks > 1 else "auto"}
    policy = make_policy(sampler)
    trainer = make_evolver(folder, max_epochs=2, callbacks=callbacks, enable_checkpointing=True, **parallel)
    trainer.fit(policy, datamodule=data)
    seen = {
        "sampled": [id for id in sampler.finished if not id.startswith("v")],
        "learned": [(problem.id, ids.tolist()) for problem, ids in data._examples],
        "accuracy": float(trainer.callback_metrics["val/accuracy"]),
        "random states": len(torch.load(folder / "checkpoints/last.ckpt")["lit_mstar_random_states"]),
    }
    (folder / f"rank-{os.environ['RANK']}.json").write_text(json.dumps(seen))
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
