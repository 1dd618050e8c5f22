"""Keeps the correct responses that a process reward model likes best."""

from __future__ import annotations

from lightning.pytorch import LightningModule, Trainer

from lit_mstar.aggregation import Aggregation, aggregate
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.prm import ProcessRewardModule
from lit_mstar.rollouts import Iteration
from lit_mstar.selection import Selection, TopK


class PRMFilter(EvolutionCallback):
    """Scores every response with a PRM and selects among the correct: R = H(1[a* = â] · R_p(ŷ)).

    Args:
        prm: The folder of a trained PRM (`ProcessRewardModule.save`).
        selection: The H of the reward; the paper keeps the top 2.
        aggregation: Step scores to one number R_p; the paper takes the minimum.

    Raises:
        ValueError: If there is no PRM in the folder; at the start of `fit`, before the policy is loaded.
    """

    def __init__(self, prm: str, selection: Selection | None = None, aggregation: Aggregation = "min") -> None:
        self.folder = prm
        self.selection = selection or TopK(k=2)
        self.aggregation = aggregation
        self._prm: ProcessRewardModule | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Loads the PRM, on the CPU."""
        if stage == "fit" and self._prm is None:
            self._prm = ProcessRewardModule.from_folder(self.folder)

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Scores and selects; the PRM is on the policy's device only meanwhile."""
        assert self._prm is not None, "setup() loads the PRM"  # noqa: S101
        prm = self._prm.to(pl_module.device)
        scores = prm.score(iteration.rollouts)
        prm.to("cpu")
        for rollout, of_responses in zip(iteration.rollouts, scores, strict=True):
            for response, steps in zip(rollout.responses, of_responses, strict=True):
                response.step_scores = steps
                response.score = aggregate(steps, self.aggregation)
            rollout.selected = self.selection(rollout)
