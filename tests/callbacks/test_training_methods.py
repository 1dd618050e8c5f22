"""Continuous Self-Evolving, Iterative RFT and ReST-EM as made of callbacks, against loops written by hand."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import Tensor
from torch.utils.data import DataLoader

from lit_mstar import Problem
from lit_mstar.callbacks import OptimizerState, StartingWeights
from lit_mstar.modules.schedules import WarmupConstant
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.training.trainer import MStarTrainer
from support.scripted import ScriptedSampler, right, weights

METHODS = {
    "continuous self-evolving": ("previous", "keep"),
    "iterative RFT": ("previous", "reset"),
    "ReST-EM": ("initial", "reset"),
    "initial weights, kept optimizer": ("initial", "keep"),
}
RATE, BETAS, EPS, DECAY = 0.05, (0.9, 0.99), 1e-8, 0.1  # of AdamW
INITIAL = (0.5, -0.25)


def drawn(weights: tuple[float, float], epoch: int) -> list[tuple[float, float]]:
    """Four pairs (x, y), a batch each, which depend on the epoch and on the weights that they are sampled with."""
    slope, offset = weights
    inputs = [math.sin(1 + epoch + step) for step in range(4)]
    return [(x, 0.5 * slope * x + offset + math.cos(3 * x + epoch)) for x in inputs]


def by_hand(weights: str, state: str, iterations: int = 3) -> tuple[float, float]:
    """Least squares of y on x with AdamW, which warms up for one step and decays from the third to the twelfth."""
    current = INITIAL
    first, second, step = [0.0, 0.0], [0.0, 0.0], 0
    for iteration in range(iterations):
        pairs = drawn(current, iteration)
        if weights == "initial":
            current = INITIAL
        if state == "reset":
            first, second, step = [0.0, 0.0], [0.0, 0.0], 0
        for x, y in pairs:
            rate = RATE * (0.5 if step == 0 else 1.0) * (1.0 - 0.9 * min(10, max(0, step - 2)) / 10)
            step += 1
            error = current[0] * x + current[1] - y
            new = []
            for i, gradient in enumerate((2 * error * x, 2 * error)):
                first[i] = BETAS[0] * first[i] + (1 - BETAS[0]) * gradient
                second[i] = BETAS[1] * second[i] + (1 - BETAS[1]) * gradient**2
                mean, square = first[i] / (1 - BETAS[0] ** step), second[i] / (1 - BETAS[1] ** step)
                new.append(current[i] - rate * DECAY * current[i] - rate * mean / (math.sqrt(square) + EPS))
            current = (new[0], new[1])
    return current


class Line(LightningModule):
    """y = slope · x + offset, in double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.slope, self.offset = (torch.nn.Parameter(torch.tensor(w, dtype=torch.float64)) for w in INITIAL)

    def values(self) -> tuple[float, float]:
        return self.slope.item(), self.offset.item()

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return (self.slope * batch[0] + self.offset - batch[1]) ** 2

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), RATE, BETAS, EPS, DECAY)
        schedule = WarmupConstant(optimizer, warmup_steps=1, decay_start=2, decay_steps=10, final=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Drawn(LightningDataModule):
    """Draws each epoch's pairs with the weights that the line has when they are asked for."""

    def train_dataloader(self) -> Any:
        pairs = drawn(self.trainer.lightning_module.values(), self.trainer.current_epoch)
        return DataLoader([torch.tensor(pair, dtype=torch.float64) for pair in pairs], batch_size=None)  # type: ignore[arg-type]


def trained(folder: Path, weights: Any, state: Any) -> tuple[float, float]:
    """The same with the trainer and the callbacks."""
    line = Line()
    trainer = MStarTrainer(
        accelerator="cpu",
        devices=1,
        max_epochs=3,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[StartingWeights(weights), OptimizerState(state)],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(line, datamodule=Drawn())
    assert trainer.global_step == 12
    return line.values()


@pytest.mark.parametrize(("weights", "state"), METHODS.values(), ids=METHODS)
def test_a_training_method_is_the_loop_written_by_hand(weights: str, state: str, tmp_path: Path):
    assert trained(tmp_path, weights, state) == pytest.approx(by_hand(weights, state), abs=1e-9)


def test_the_training_methods_are_told_apart_by_what_they_learn():
    ends = [by_hand(*method) for method in METHODS.values()]
    assert all(max(abs(a - b) for a, b in zip(*pair, strict=True)) > 0.01 for pair in itertools.combinations(ends, 2))


class Remembering(ScriptedSampler):
    """Keeps the weights that it is given to sample with."""

    def __init__(self) -> None:
        super().__init__(said)
        self.given: list[dict[str, Tensor]] = []

    def load_policy(self, policy: Any) -> None:
        super().load_policy(policy)
        self.given.append(weights(policy))


class Beginnings(OptimizerState):
    """Also keeps the weights that an iteration's first batch meets, and those that its last one leaves."""

    def __init__(self) -> None:
        super().__init__("reset")
        self.started: list[dict[str, Tensor]] = []
        self.ended: list[dict[str, Tensor]] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == 0:
            self.started.append(weights(pl_module))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.ended.append(weights(pl_module))


def said(problem: Problem, index: int, sampling: SamplingParams) -> str:
    return right(problem, index)


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    return all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_a_policy_samples_with_its_newest_weights_and_trains_from_its_first(evolution: Any):
    sampler, noted = Remembering(), Beginnings()
    evolution(sampler, [StartingWeights("initial"), noted], max_epochs=3, limit_val_batches=0)
    assert len(sampler.given) == len(noted.started) == len(noted.ended) == 3
    first = noted.started[0]
    assert all(same(started, first) for started in noted.started)
    assert same(sampler.given[0], first)
    assert all(same(given, ended) for given, ended in zip(sampler.given[1:], noted.ended, strict=False))
    assert not any(same(ended, first) for ended in noted.ended)
