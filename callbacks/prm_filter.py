"""Keeps the correct responses that a process reward model likes best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.modules.prm import ProcessRewardModule
from lit_mstar.rewards.aggregation import Aggregation, aggregate
from lit_mstar.rewards.selection import Selection, TopK
from lit_mstar.rollouts.nouns import Iteration, Rollout
from lit_mstar.step_labels.refresh import PRMRefresh
from lit_mstar.step_labels.training import restore, trained
from lit_mstar.terminal.phases import phase
from lit_mstar.training.division import gather, rank, ranks

_BLOCK = 256  # rollouts per rank that are scored together, ours: enough to put equal prompts together


class PRMFilter(EvolutionCallback):
    """Scores every response with a PRM and selects among the correct: R = H(1[a* = â] · R_p(ŷ)).

    Args:
        prm: The folder of a trained PRM (`ProcessRewardModule.save`).
        selection: The H of the reward; the paper keeps the top 2.
        aggregation: Step scores to one number R_p; the paper takes the minimum.
        refresh: How the PRM is trained on as the policy changes (ours); None leaves it as it is, as the paper does.
            It happens before the callbacks that come after this one measure.
        batch_size: Most responses scored at the same time (ours); their keys and values are what takes memory.

    Raises:
        ValueError: If `batch_size` is less than 1; if there is no PRM in the folder, at the start of `fit`, before the
            policy is loaded.
    """

    replaces_selection = True

    def __init__(
        self,
        prm: str,
        selection: Selection | None = None,
        aggregation: Aggregation = "min",
        refresh: PRMRefresh | None = None,
        batch_size: int = 256,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"PRMFilter.batch_size is {batch_size}; it must be at least 1.")
        self.folder = prm
        self.selection = selection or TopK(k=2)
        self.aggregation = aggregation
        self.refresh = refresh
        self.batch_size = batch_size
        self._prm: ProcessRewardModule | None = None
        self._refreshed = False  # whether its weights are others than the folder's
        self._saved: dict[str, Tensor] = {}  # of a checkpoint that is resumed, until there is a PRM to hold them

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Loads the PRM, on the CPU; in other stages it is loaded when the first responses are to be scored."""
        if stage == "fit":
            self._loaded()

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Scores and selects; the PRM is on the policy's device only meanwhile.

        Ranks score their part of each block and tell each other, so that all select the same.
        """
        prm = self._loaded()
        prm.to(pl_module.device)
        with phase(trainer, "scoring", len(iteration.rollouts)) as advance:
            for start in range(0, len(iteration.rollouts), _BLOCK * ranks()):
                block = iteration.rollouts[start : start + _BLOCK * ranks()]
                for offset, scores in enumerate(self._scores(prm, block)):
                    self._reward(iteration.rollouts[start + offset], scores)
                advance(len(block))
        prm.to("cpu")

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Refreshes the PRM when it is time."""
        if self.refresh is None or not self.refresh.due(iteration):
            return
        source = cast(SelfEvolvingDataModule, trainer.datamodule).source  # type: ignore[attr-defined]
        policy = cast(PolicyModule, pl_module)
        found = self.refresh(self._loaded(), policy, iteration, source.judge_steps)
        iteration.metrics |= found
        self._refreshed |= "prm/refresh_loss" in found

    def state_dict(self) -> dict[str, Any]:
        """The weights of a refreshed PRM; nothing as long as it is the folder's."""
        if self._prm is None or not self._refreshed:
            return {"refreshed": self._saved} if self._saved else {}
        return {"refreshed": {name: weight.detach() for name, weight in trained(self._prm).items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores `state_dict`, whether the PRM is loaded yet or not."""
        self._saved = state_dict.get("refreshed", {})
        if self._prm is not None:
            self._restore(self._prm)

    def _loaded(self) -> ProcessRewardModule:
        if self._prm is None:
            self._prm = ProcessRewardModule.from_folder(self.folder, self.batch_size)
            self._restore(self._prm)
        return self._prm

    def _restore(self, prm: ProcessRewardModule) -> None:
        if self._saved:
            restore(prm, self._saved)
            self._saved, self._refreshed = {}, True

    def _scores(self, prm: ProcessRewardModule, block: Sequence[Rollout]) -> list[list[list[float]]]:
        """The step scores of every response, as from one process; each rank computes a part of them."""
        longest_first = sorted(range(len(block)), key=lambda i: -sum(len(r.token_ids) for r in block[i].responses))
        mine = longest_first[rank() :: ranks()]
        scores = prm.score([block[i] for i in mine])
        found = {
            i: of_rollout for part in gather(dict(zip(mine, scores, strict=True))) for i, of_rollout in part.items()
        }
        return [found[i] for i in range(len(block))]

    def _reward(self, rollout: Rollout, scores: list[list[float]]) -> None:
        for response, steps in zip(rollout.responses, scores, strict=True):
            response.step_scores = steps
            response.score = aggregate(steps, self.aggregation)
        rollout.selected = self.selection(rollout)
