from __future__ import annotations

import pytest
import torch

from lit_mstar.modules.schedules import WarmupConstant

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
