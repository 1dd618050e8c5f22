"""Rollouts as tensors, for metrics.

Notation: B problems, N responses each.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lit_mstar.rollouts.nouns import Judge, Problem, Response, Rollout


def correctness(rollouts: Sequence[Rollout]) -> Tensor:
    """Which responses are right, (B, N) bool; unknown counts as wrong."""
    return torch.tensor([[response.correct is True for response in rollout.responses] for rollout in rollouts])


def scores(rollouts: Sequence[Rollout]) -> Tensor | None:
    """The responses' scores, (B, N) float32; None where nothing scored them."""
    rows = [[response.score for response in rollout.responses] for rollout in rollouts]
    return None if any(score is None for row in rows for score in row) else torch.tensor(rows, dtype=torch.float32)


def first_of_text(rollouts: Sequence[Rollout]) -> Tensor:
    """Which responses are the first with their text among the problem's, (B, N) bool."""
    texts = [[response.text for response in rollout.responses] for rollout in rollouts]
    return torch.tensor([[text not in row[:i] for i, text in enumerate(row)] for row in texts])


def distinctness(rollout: Rollout) -> float:
    """The share of distinct texts among a problem's responses, in (0, 1]."""
    return len({response.text for response in rollout.responses}) / len(rollout.responses)


def faithful(problem: Problem, response: Response, judge: Judge) -> bool | None:
    """Whether a response has steps, all of them true; None where the judge cannot tell."""
    verdict = judge(problem, response.steps)
    return None if verdict is None else bool(verdict) and all(verdict)
