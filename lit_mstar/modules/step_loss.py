"""What a process reward model learns from a step's label: shares, hard labels, or the draws behind them."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn.functional import logsigmoid

Labels = Literal["soft", "hard", "binomial"]


def step_losses(
    logits: Tensor, labels: Tensor, draws: Tensor, kind: Labels, positive: float | None = None
) -> tuple[Tensor, Tensor]:
    """Each step's cross-entropy in nats, and how much it weighs in the mean.

    "soft" learns the share s / n of completions that succeeded, "hard" whether any did. "binomial" is the likelihood of
    the draws themselves, p^s (1 - p)^(n - s): a step weighs by its number of draws, and it does not matter when drawing
    stopped, as it would for the share. What balances classes weighs successes by 1 / (2 q) and failures by
    1 / (2 (1 - q)), so that both have half of the loss (ours).

    Args:
        logits: float (S,).
        labels: The shares, in [0, 1], (S,).
        draws: The numbers of draws, at least 1, (S,).
        kind: What is learned.
        positive: q, the share of successes among all that is learned from; None leaves classes as they are.

    Returns:
        Losses times weights (S,), and weights (S,).
    """
    weights, targets = weighed(labels, draws, kind)
    good = weights * targets * (1.0 if positive is None else 0.5 / positive)
    bad = weights * (1 - targets) * (1.0 if positive is None else 0.5 / (1 - positive))
    return -(good * logsigmoid(logits) + bad * logsigmoid(-logits)), good + bad


def weighed(labels: Tensor, draws: Tensor, kind: Labels) -> tuple[Tensor, Tensor]:
    """Each step's weight and target, (S,) each, before classes are balanced."""
    targets = (labels > 0).to(labels.dtype) if kind == "hard" else labels
    return (draws.to(labels.dtype) if kind == "binomial" else labels.new_ones(labels.shape)), targets
