"""Rollouts as tensors, for metrics.

Notation: B problems, N responses each.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lit_mstar.rollouts import Iteration


def as_tensors(iteration: Iteration) -> tuple[Tensor, Tensor | None]:
    """Correctness (B, N) bool and scores (B, N) float32; scores are None where nothing scored the responses."""
    responses = [rollout.responses for rollout in iteration.rollouts]
    correct = torch.tensor([[response.correct is True for response in row] for row in responses])
    scores = [[response.score for response in row] for row in responses]
    if any(score is None for row in scores for score in row):
        return correct, None
    return correct, torch.tensor(scores, dtype=torch.float32)


def require_scores(iteration: Iteration, who: str) -> None:
    """Raises ValueError, in the name of `who`, where nothing scored the responses."""
    if as_tensors(iteration)[1] is None:
        raise ValueError(f"{who} needs scored responses, but nothing scored them; add the PRMFilter callback.")
