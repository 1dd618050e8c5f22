from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from lit_mstar import Problem
from lit_mstar.callbacks import OptimizerState
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.modules.schedules import WarmupConstant
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import ListSource, ScriptedSampler, make_evolver, make_policy, right, sums

STEPS = 4  # an iteration: 4 problems, 4 responses each, in batches of 4


class Seen(Callback):
    """Before each step: its learning rate, and how many steps AdamW says that it has behind it."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.behind: list[int] = []

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        assert optimizer is trainer.optimizers[0]
        assert optimizer is trainer.lr_scheduler_configs[0].scheduler.optimizer
        counts = {int(state["step"]) for state in optimizer.state.values()} or {0}
        assert len(counts) == 1
        self.rates.append(optimizer.param_groups[0]["lr"])
        self.behind.append(counts.pop())


def said(problem: Problem, index: int, sampling: SamplingParams) -> str:
    return right(problem, index)


def evolve(folder: Path, state: Any, *callbacks: Callback, **options: Any) -> Seen:
    """Runs iterations with AdamW, whose rate takes three steps to rise to 0.01."""
    policy, seen = make_policy(ScriptedSampler(said)), Seen()
    policy.optimizer = lambda params: torch.optim.AdamW(params, lr=0.01)
    policy.lr_scheduler = lambda optimizer: WarmupConstant(optimizer, warmup_steps=3)
    data = SelfEvolvingDataModule(ListSource(train=sums(8)), SamplingParams(n=4, max_tokens=8), 0.5, batch_size=4)
    checkpoint = options.pop("checkpoint", None)
    trainer = make_evolver(folder, callbacks=[OptimizerState(state), seen, *callbacks], **options)
    trainer.fit(policy, datamodule=data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    return seen


RISING = [0.0025, 0.005, 0.0075, 0.01]


@pytest.mark.parametrize(
    ("state", "rates", "behind"),
    [("keep", RISING + [0.01] * STEPS, list(range(2 * STEPS))), ("reset", RISING * 2, list(range(STEPS)) * 2)],
)
def test_an_iteration_goes_on_or_begins_anew(state: str, rates: list[float], behind: list[int], tmp_path: Path):
    seen = evolve(tmp_path, state, max_epochs=2)
    assert seen.rates == pytest.approx(rates)
    assert seen.behind == behind


KEEPERS: dict[str, tuple[Callable[[Path], Callback], str, list[int]]] = {
    "an iteration's end": (lambda folder: ModelCheckpoint(folder), "epoch=0-step=4.ckpt", [0, 1, 2, 3]),
    "its midst": (
        lambda folder: ModelCheckpoint(folder, every_n_train_steps=6, save_top_k=-1),
        "epoch=1-step=6.ckpt",
        [2, 3],
    ),
}


@pytest.mark.parametrize(("keeper", "file", "behind"), KEEPERS.values(), ids=KEEPERS)
def test_a_resumed_run_resets_where_the_whole_one_did(
    keeper: Callable[[Path], Callback], file: str, behind: list[int], tmp_path: Path
):
    whole = evolve(tmp_path, "reset", keeper(tmp_path / "saved"), max_epochs=2, enable_checkpointing=True)
    checkpoint = tmp_path / "saved" / file
    if not checkpoint.exists():  # the newest is the only one kept
        evolve(tmp_path, "reset", keeper(tmp_path / "saved"), max_epochs=1, enable_checkpointing=True)
    seen = evolve(tmp_path, "reset", max_epochs=2, checkpoint=checkpoint)
    assert seen.behind == behind
    assert seen.rates == whole.rates[-len(behind) :]


def test_another_word_is_refused():
    with pytest.raises(ValueError, match=r'OptimizerState.state is "anew"; it must be "keep" or "reset"'):
        OptimizerState("anew")  # type: ignore[arg-type]
