"""Rows are shared where it is asked for, can be done, and is less work; what is learned stays the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lit_mstar import Problem
from lit_mstar.data import ProblemDataModule
from lit_mstar.data.shared_prompts import share_prompts
from support.helpers import png
from support.scripted import ListSource, largest_difference, make_policy, make_trainer, weights

PROBLEMS = [Problem(id=f"p{i}", question=f"What is {i} + 4?", images=(png(8, 8 + i),)) for i in range(6)]
EXAMPLES = [(p, [20 + (i + 5 * j) % 30 for i in range(3 + j + n % 4)]) for j in (0, 1) for n, p in enumerate(PROBLEMS)]


class Pairs(ProblemDataModule):
    """The examples above."""

    def train_dataloader(self) -> Any:
        return self.example_loader(EXAMPLES)


def fitted(folder: Path, share: bool) -> tuple[dict[str, torch.Tensor], list[int]]:
    """Weights after two steps over all examples, and how many rows each step had."""
    policy, rows = make_policy(lr=0.3), []
    trainer = make_trainer(folder, max_epochs=2)
    step = policy.training_step

    def watched(batch: Any, batch_idx: int) -> torch.Tensor:
        rows.append(len(batch["input_ids"]))
        return step(batch, batch_idx)

    policy.training_step = watched
    trainer.fit(policy, datamodule=Pairs(ListSource(), batch_size=len(EXAMPLES), share_prompts=share))
    return weights(policy), rows


def test_a_step_over_shared_rows_is_the_step_over_separate_ones(tmp_path: Path) -> None:
    (shared, few), (separate, many) = fitted(tmp_path, True), fitted(tmp_path, False)
    assert (few, many) == ([6, 6], [12, 12])
    assert largest_difference(shared, separate) < 1e-5
    assert largest_difference(shared, weights(make_policy())) > 1e-3


def test_long_responses_and_single_ones_keep_rows_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = make_policy()
    assert share_prompts(policy, EXAMPLES)
    assert not share_prompts(policy, EXAMPLES[:6])  # one of each
    assert not share_prompts(policy, [])
    assert not share_prompts(policy, [(problem, [20] * 400) for problem, _ in EXAMPLES])
    asked = []
    policy = make_policy()
    monkeypatch.setattr(policy, "shares_prompts", lambda: asked.append(1) or False)
    assert not share_prompts(policy, EXAMPLES)
    assert asked == [1]
