"""Keeps some of the correct responses, without any reward model."""

from __future__ import annotations

from lightning.pytorch import LightningModule, Trainer

from lit_mstar.hooks import EvolutionCallback
from lit_mstar.rewards.selection import RandomK, Selection
from lit_mstar.rollouts.nouns import Iteration


class CorrectFilter(EvolutionCallback):
    """Selects by answers alone: R = H(1[a* = â]). Without it and without `PRMFilter`, all correct ones are kept.

    Args:
        selection: The H of the reward; by default 2 of the correct responses, drawn at random (the paper's Random-2).
    """

    replaces_selection = True
    divisible = True

    def __init__(self, selection: Selection | None = None) -> None:
        self.selection = selection or RandomK(k=2)

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Selects."""
        for rollout in iteration.rollouts:
            rollout.selected = self.selection(rollout)
