"""The policy's optimizer steps: uneven batches, accumulation, a loss that is no number."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from lit_mstar import Problem
from lit_mstar.modules.likelihood import response_nll
from support.scripted import (
    largest_difference,
    make_policy,
    make_trainer,
    weights,
)
from support.uneven import loader, token_loop, uneven_rows


def fit_rows(tmp_path: Path, rows, size: int, accumulate: int) -> tuple[dict[str, torch.Tensor], int]:
    policy = make_policy(lr=0.5)
    trainer = make_trainer(tmp_path, accumulate_grad_batches=accumulate)
    trainer.fit(policy, loader(policy.encoder, rows, size))
    return weights(policy), trainer.global_step


def test_logged_loss_is_the_mean_over_tokens(problems: list[Problem], tmp_path: Path) -> None:
    policy = make_policy()
    rows = uneven_rows(policy.encoder, problems[:3])
    with torch.no_grad():
        expected = token_loop(policy.model.eval(), policy.encoder, rows)
    trainer = make_trainer(tmp_path)
    trainer.fit(policy.train(), loader(policy.encoder, rows, 3))
    assert float(trainer.callback_metrics["train/loss"]) == pytest.approx(sum(expected) / len(expected), rel=1e-5)


def test_accumulated_uneven_batches_step_like_one_big_batch(problems: list[Problem], tmp_path: Path) -> None:
    rows = uneven_rows(make_policy().encoder, problems)[:6]
    start = weights(make_policy())
    whole, _ = fit_rows(tmp_path, rows, size=6, accumulate=1)
    parts, steps = fit_rows(tmp_path, rows, size=2, accumulate=3)
    assert steps == 1
    assert largest_difference(whole, parts) < 1e-6
    assert largest_difference(whole, start) > 1e-3


def test_incomplete_last_window_steps_like_one_big_batch(problems: list[Problem], tmp_path: Path) -> None:
    rows = uneven_rows(make_policy().encoder, problems)[1:6:2]
    whole, _ = fit_rows(tmp_path, rows[:2], size=2, accumulate=1)
    parts, steps = fit_rows(tmp_path, rows[:2], size=1, accumulate=3)
    assert steps == 1
    assert largest_difference(whole, parts) < 1e-6


def test_second_window_starts_counting_tokens_anew(problems: list[Problem], tmp_path: Path) -> None:
    rows = uneven_rows(make_policy().encoder, problems)[:5]  # windows of 3 and 2 rows
    policy = make_policy(lr=0.5)
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.5)
    for window in (rows[:3], rows[3:]):
        optimizer.zero_grad()
        total, tokens = response_nll(policy.model, policy.encoder.collate(*map(list, zip(*window, strict=True))))
        (total / tokens).backward()
        optimizer.step()
    fitted, steps = fit_rows(tmp_path, rows, size=1, accumulate=3)
    assert steps == 2
    assert largest_difference(weights(policy), fitted) < 1e-6


def test_non_finite_loss_stops_and_keeps_the_earlier_checkpoint(problems: list[Problem], tmp_path: Path) -> None:
    policy = make_policy()
    rows = uneven_rows(policy.encoder, problems)[:3]

    def poison(batch, index):
        if index == 2:
            policy.model.lm_head.weight.data.fill_(torch.nan)

    keeper = ModelCheckpoint(dirpath=tmp_path, filename="{step}", every_n_train_steps=1, save_top_k=-1)
    policy.on_train_batch_start = poison
    trainer = make_trainer(tmp_path, callbacks=[keeper], enable_checkpointing=True)
    with pytest.raises(FloatingPointError, match=r"loss is nan at step 2.*learning rate"):
        trainer.fit(policy, loader(policy.encoder, rows, 1))
    assert sorted(file.name for file in tmp_path.glob("*.ckpt")) == ["step=1.ckpt", "step=2.ckpt"]
    saved = torch.load(tmp_path / "step=2.ckpt", weights_only=True)["state_dict"]
    assert all(bool(value.isfinite().all()) for value in saved.values())
