"""Keeps the correct responses that a process reward model likes best."""

from __future__ import annotations

from collections.abc import Sequence

from lightning.pytorch import LightningModule, Trainer

from lit_mstar.aggregation import Aggregation, aggregate
from lit_mstar.division import gather, rank, ranks
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.prm import ProcessRewardModule
from lit_mstar.rollouts import Iteration, Rollout
from lit_mstar.selection import Selection, TopK

_BLOCK = 256  # rollouts per rank that are scored together, ours: enough to put equal prompts together


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
        """Scores and selects; the PRM is on the policy's device only meanwhile.

        Ranks score their part of each block and tell each other, so that all select the same.
        """
        assert self._prm is not None, "setup() loads the PRM"  # noqa: S101
        self._prm.to(pl_module.device)
        for start in range(0, len(iteration.rollouts), _BLOCK * ranks()):
            block = iteration.rollouts[start : start + _BLOCK * ranks()]
            for offset, scores in enumerate(self._scores(block)):
                self._reward(iteration.rollouts[start + offset], scores)
        self._prm.to("cpu")

    def _scores(self, block: Sequence[Rollout]) -> list[list[list[float]]]:
        """The step scores of every response, as from one process; each rank computes a part of them."""
        assert self._prm is not None  # noqa: S101
        longest_first = sorted(range(len(block)), key=lambda i: -sum(len(r.token_ids) for r in block[i].responses))
        mine = longest_first[rank() :: ranks()]
        scores = self._prm.score([block[i] for i in mine])
        found = {
            i: of_rollout for part in gather(dict(zip(mine, scores, strict=True))) for i, of_rollout in part.items()
        }
        return [found[i] for i in range(len(block))]

    def _reward(self, rollout: Rollout, scores: list[list[float]]) -> None:
        for response, steps in zip(rollout.responses, scores, strict=True):
            response.step_scores = steps
            response.score = aggregate(steps, self.aggregation)
        rollout.selected = self.selection(rollout)
