"""The gradient's norm and sanity; that steps over ranks equal one process's is for test_strategies.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback
from torch.utils.data import DataLoader

from lit_mstar.modules.gradients import require_finite, rescale, squared_norms
from support.scripted import make_policy, make_trainer, sums, weights

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(("loss", "norm"), [(NAN, 1.0), (INF, 1.0), (-INF, NAN), (1.0, INF), (1.0, NAN)])
def test_what_is_not_finite_stops_training(loss: float, norm: float):
    with pytest.raises(FloatingPointError, match=rf"loss is {loss} at step 3, .* {norm}\..*--ckpt_path last"):
        require_finite(loss, norm, 3)


@pytest.mark.parametrize("value", [0.0, -3.0, torch.finfo(torch.float32).max])
def test_what_is_finite_passes(value: float):
    require_finite(value, abs(value), 0)
    require_finite(value, INF, 0, gradients_too=False)  # what a gradient scaler skips


def test_norm_of_plain_gradients_is_torchs_own():
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 3)
    layer(torch.randn(2, 5)).sum().backward()
    whole, shards = squared_norms(layer, torch.device("cpu")).tolist()
    expected = torch.nn.utils.get_total_norm([p.grad for p in layer.parameters()])
    assert whole**0.5 == pytest.approx(float(expected), rel=1e-6)
    assert shards == 0
    rescale(layer, 0.5)
    assert squared_norms(layer, torch.device("cpu"))[0] == pytest.approx(whole / 4)


class Steps(Callback):
    """The norm of what each optimizer step gets."""

    def __init__(self) -> None:
        self.norms: list[float] = []

    def on_train_batch_end(self, trainer, policy, *_) -> None:
        self.norms.append(float(trainer.callback_metrics["train/grad_norm"]))


def rows(policy, size: int) -> DataLoader:
    ids = [list(range(20, 23 + i)) for i in range(4)]
    return DataLoader(
        list(zip(sums(4), ids, strict=True)),
        batch_size=size,
        collate_fn=lambda part: policy.encoder.collate([p for p, _ in part], [i for _, i in part]),
    )


def moved(tmp_path: Path, **options) -> tuple[float, float]:
    """How far one SGD step of rate 1 goes, and the norm that was logged."""
    policy, steps = make_policy(lr=1.0), Steps()
    before = weights(policy)
    make_trainer(tmp_path, callbacks=[steps], **options).fit(policy, rows(policy, 4))
    after = weights(policy)
    return sum(float(((after[n] - before[n]) ** 2).sum()) for n in before) ** 0.5, steps.norms[-1]


def test_logged_norm_is_the_length_of_a_step(tmp_path: Path):
    length, norm = moved(tmp_path)
    assert length == pytest.approx(norm, rel=1e-4)


def test_clipping_bounds_the_step_and_logs_the_norm_before(tmp_path: Path):
    _, norm = moved(tmp_path)
    length, logged = moved(tmp_path, gradient_clip_val=norm / 3)
    assert length == pytest.approx(norm / 3, rel=1e-4)
    assert logged == pytest.approx(norm)
    assert moved(tmp_path, gradient_clip_val=norm * 3)[0] == pytest.approx(norm, rel=1e-4)
    by_value, _ = moved(tmp_path, gradient_clip_val=1e-6, gradient_clip_algorithm="value")
    assert 0 < by_value < norm / 100


def test_infinite_gradient_of_a_finite_loss_stops_before_weights_change(tmp_path: Path):
    policy = make_policy()
    before = weights(policy)
    policy.model.lm_head.weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(FloatingPointError, match=r"loss is \d.* at step 0, the norm of its gradient (nan|inf)"):
        make_trainer(tmp_path).fit(policy, rows(policy, 4))
    after = weights(policy)
    assert all(torch.equal(before[name], after[name]) for name in before)
