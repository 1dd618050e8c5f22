"""Stops a run whose policy has collapsed: it says the same again and again, and would only learn that."""

from __future__ import annotations

from itertools import chain
from statistics import fmean

from lightning.pytorch import LightningModule, Trainer

from lit_mstar.hooks import EvolutionCallback
from lit_mstar.rollouts.nouns import Iteration
from lit_mstar.rollouts.tensors import distinctness
from lit_mstar.training.division import parts


class CollapseGuard(EvolutionCallback):
    """Watches the mean share of distinct texts among a problem's responses, before they are learned from.

    Args:
        min_distinct: The least share that a healthy policy has, in [0, 1] (ours); N equal responses have 1/N.

    Raises:
        ValueError: If `min_distinct` is outside [0, 1].
        RuntimeError: When the policy has collapsed.
    """

    divisible = True

    def __init__(self, min_distinct: float = 0.15) -> None:
        if not 0 <= min_distinct <= 1:
            raise ValueError(f"CollapseGuard.min_distinct is {min_distinct}; it must be in [0, 1].")
        self.min_distinct = min_distinct

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Measures the training rollouts; what is sampled to measure may be as cold as it likes."""
        if iteration.split != "train" or iteration.sampling.n == 1:
            return
        mine = [distinctness(rollout) for rollout in iteration.rollouts]
        share = fmean(chain(*parts(iteration, mine)))
        if share < self.min_distinct:
            raise RuntimeError(
                f"Iteration {iteration.index}: of {iteration.sampling.n} responses per problem, sampled at temperature "
                f"{iteration.sampling.temperature:g}, only a share of {share:.2f} is distinct (min_distinct is "
                f"{self.min_distinct:g}): the policy has collapsed. Go back to an earlier checkpoint with --ckpt_path "
                "and a lower learning rate, or sample hotter (data.init_args.sampling.temperature, or the "
                "TemperatureBalancer callback)."
            )
