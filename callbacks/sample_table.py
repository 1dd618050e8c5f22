"""A few problems followed through all iterations, and what scores say of right and wrong, for loggers with pictures."""

from __future__ import annotations

from itertools import takewhile
from typing import cast

from lightning.pytorch import LightningModule, Trainer

from lit_mstar.charts.followed import followed_figure
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.loggers.pictures import anyone_shows, log_figure, log_histograms
from lit_mstar.rollouts.images import open_image
from lit_mstar.rollouts.nouns import Iteration, Problem
from lit_mstar.training.division import parts

_SCORED = 512  # problems whose scores are in a histogram, ours: an iteration's order is random


class SampleTable(EvolutionCallback):
    """Logs the same few problems in every iteration, image and responses in one figure, and histograms of step scores.

    The problems are the first validation problems, or training problems where there are none; they are sampled as the
    iteration was, scored by the callbacks above this one, and neither learned from nor in the ledger.

    Args:
        problems: How many to follow.
    """

    divisible = True

    def __init__(self, problems: int = 4) -> None:
        self.problems = problems

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Draws; the step axis counts iterations, so none is replaced."""
        if not anyone_shows(trainer):
            return
        data = cast(SelfEvolvingDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        log_histograms(trainer, _scores(iteration), iteration.index)
        if chosen := self._chosen(data):
            found = data.measure("validate", iteration.sampling, chosen).rollouts
            for row, rollout in enumerate(found):
                images = rollout.problem.images
                figure = followed_figure(rollout, open_image(images[0]) if images else None)
                log_figure(trainer, f"samples/{row}", figure, iteration.index)

    def _chosen(self, data: SelfEvolvingDataModule) -> list[Problem]:
        return (data.answered("validate") or data.answered("train"))[: self.problems]


def _scores(iteration: Iteration) -> dict[str, list[float]]:
    first = {problem.id for problem in iteration.problems[:_SCORED]}
    found: dict[str, list[float]] = {"right": [], "wrong": []}
    for rollout in takewhile(lambda rollout: rollout.problem.id in first, iteration.rollouts):
        for response in rollout.responses:
            if response.correct is not None:
                found["right" if response.correct else "wrong"] += response.step_scores
    told = parts(iteration, found)
    return {name: [score for part in told for score in part[name]] for name in found}
