"""A self-evolution whose PRM is refreshed with labels known beforehand; also as a job for ranks (see ranks.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import distributed as dist
from torch.nn.functional import binary_cross_entropy_with_logits

from lit_mstar import (
    PRMRefresh,
    Problem,
    ProcessRewardModule,
    Response,
    Rollout,
)
from lit_mstar.callbacks import PRMFilter
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.encoding.step_encoding import StepExample, collate_steps
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.training.trainer import MStarTrainer
from support.evolving import Keeping
from support.scripted import ListSource, ScriptedSampler, make_policy, sums, weights

K = 4  # completions of each step


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


def momentum(params: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=5e-5, momentum=0.5)


def make_refresh(**options: Any) -> PRMRefresh:
    defaults = {"every": 1, "problems": 3, "responses": 2, "completions": SamplingParams(n=K), "steps": 3}
    return PRMRefresh(**(defaults | {"batch_size": 100, "optimizer": momentum} | options))


def train_by_hand(
    folder: str, examples: Sequence[StepExample], rows: Sequence[Sequence[int]]
) -> tuple[ProcessRewardModule, list[float]]:
    """The PRM of a folder after a step on each of `rows`, example by example, and the steps' losses."""
    prm = ProcessRewardModule.from_folder(folder).requires_grad_(True)
    optimizer, losses = momentum(prm.parameters()), []
    for chosen in rows:
        terms = []
        for i in chosen:
            batch = collate_steps(prm.encoder, [examples[i]])
            inputs = {name: value for name, value in batch.items() if name not in ("labels", "targets")}
            labels = torch.tensor(examples[i].labels)
            terms.append(binary_cross_entropy_with_logits(prm(**inputs)[0], labels, reduction="none"))
        loss = torch.cat(terms).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return prm, losses


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


def refresh_job(folder: Path) -> Iterator[tuple[str, Any]]:
    """What each rank's PRM became, and which prefixes it completed."""
    callback, keeping = PRMFilter(str(folder / "prm"), refresh=make_refresh(batch_size=2)), Keeping()
    world = dist.get_world_size()
    # The problems have no images: the vision tower learns nothing.
    parallel = {"devices": world, "strategy": "ddp_find_unused_parameters_true" if world > 1 else "auto"}
    trainer = run(folder, [callback, keeping], max_epochs=2, **parallel)
    yield "prm", torch.cat([value.flatten()[:50].double() for value in weights(callback._prm).values()]).tolist()
    yield (
        "metrics",
        [
            {name: value for name, value in iteration.metrics.items() if name.startswith("prm/")}
            for iteration in keeping.iterations
        ],
    )
    yield "completed", trainer.lightning_module.sampler.completed
