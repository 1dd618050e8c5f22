from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback

from lit_mstar.data import SupervisedDataModule
from lit_mstar.modules.schedules import RunSchedule, WarmupConstant
from support.scripted import ListSource, ScriptedSampler, make_evolver, make_policy, right, sums

RATE = 0.02


def rates(steps: int, **options: float) -> list[float]:
    """The rate that each optimizer step uses."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    schedule = WarmupConstant(optimizer, **options)  # type: ignore[arg-type]
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return used


def test_without_arguments_the_rate_is_constant():
    assert rates(20) == [RATE] * 20


def test_warmup_rises_linearly_then_stays():
    expected = [RATE * k / 5 for k in (1, 2, 3, 4)] + [RATE] * 8
    assert rates(12, warmup_steps=4) == pytest.approx(expected, rel=1e-12)


def test_the_decay_falls_linearly_to_its_share():
    falling = [RATE * (1 - 0.75 * k / 4) for k in (0, 1, 2, 3, 4)]
    expected = [RATE / 2] + [RATE] * 5 + falling + [RATE / 4] * 5
    assert rates(16, warmup_steps=1, decay_start=6, decay_steps=4, final=0.25) == pytest.approx(expected, rel=1e-12)


def test_the_decay_ends_at_nothing_by_default():
    assert rates(6, decay_start=2, decay_steps=2) == pytest.approx([RATE] * 3 + [RATE / 2, 0, 0], rel=1e-12)


def test_warmup_and_decay_may_overlap():
    expected = [RATE * min(1, (t + 1) / 10) * (1 - min(1, max(0, (t - 3) / 5))) for t in range(12)]
    assert rates(12, warmup_steps=9, decay_start=3, decay_steps=5) == pytest.approx(expected, rel=1e-12)


def test_a_resumed_schedule_goes_on_where_it_was():
    def build() -> tuple[torch.optim.Optimizer, WarmupConstant]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
        return optimizer, WarmupConstant(optimizer, warmup_steps=7)

    optimizer, schedule = build()
    for _ in range(3):
        optimizer.step()
        schedule.step()
    resumed, again = build()
    resumed.load_state_dict(optimizer.state_dict())
    again.load_state_dict(schedule.state_dict())
    resumed.step()
    again.step()
    assert resumed.param_groups[0]["lr"] == pytest.approx(RATE * 5 / 8, rel=1e-12)


def share_at(progress: float, **shares: float) -> float:
    schedule = RunSchedule(torch.optim.SGD([torch.zeros(1)], lr=2.0), **shares)
    schedule.progress = progress
    schedule.optimizer.step()
    schedule.step()
    return schedule.get_last_lr()[0] / 2.0


@pytest.mark.parametrize(
    ("progress", "share"),
    [(0.0, 0.1), (0.05, 0.55), (0.1, 1.0), (0.5, 1.0), (0.75, 1.0), (0.875, 0.55), (1.0, 0.1)],
)
def test_shares_of_a_run(progress: float, share: float):
    assert share_at(progress, warmup=0.1, decay=0.25, final=0.1) == pytest.approx(share)


def test_without_warmup_and_decay_it_is_constant():
    assert [share_at(x / 10, warmup=0.0) for x in range(11)] == [1.0] * 11


@pytest.mark.parametrize("shares", [{"warmup": -0.1}, {"warmup": 0.6, "decay": 0.5}, {"final": 2.0}])
def test_shares_that_are_none(shares: dict[str, float]):
    with pytest.raises(ValueError, match="must be shares in"):
        share_at(0.0, **shares)


def test_a_run_tells_its_schedule_how_far_it_is(tmp_path: Path):
    """Two epochs of unequally many batches: each is half of the run."""
    seen: list[float] = []

    class Uneven(SupervisedDataModule):
        def train_dataloader(self) -> Any:
            self.batch_size = 8 if self.trainer.current_epoch else 4
            return super().train_dataloader()

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            seen.append(trainer.lr_scheduler_configs[0].scheduler.progress)

    policy = make_policy(ScriptedSampler(lambda problem, *_: right(problem)))
    policy.lr_scheduler = lambda optimizer: RunSchedule(optimizer, decay=1.0, warmup=0.0)
    seeds = [replace(problem, reasoning=right(problem)) for problem in sums(16)]
    data = Uneven(ListSource(seed=seeds), check_images=False)
    trainer = make_evolver(tmp_path, max_epochs=2, callbacks=[Watch()])
    trainer.fit(policy, data)
    # 4 batches, then 2: the progress at the end of the step that comes next
    assert seen == pytest.approx([2 / 8, 3 / 8, 4 / 8, 4 / 8, 1.0, 1.0])
