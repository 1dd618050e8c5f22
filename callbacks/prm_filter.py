"""Keeps the correct responses that a process reward model likes best."""

from __future__ import annotations

from typing import Any, cast

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.modules.prm import ProcessRewardModule
from lit_mstar.modules.scorer import scorer_of
from lit_mstar.rewards.aggregation import Aggregation
from lit_mstar.rewards.selection import Selection, TopK
from lit_mstar.rollouts.nouns import Iteration
from lit_mstar.scorers.base import StepScorer
from lit_mstar.scorers.rank_scoring import RankScoring
from lit_mstar.step_labels.refresh import PRMRefresh
from lit_mstar.step_labels.training import restore, trained


class PRMFilter(EvolutionCallback):
    """Scores every response with a PRM and selects among the correct: R = H(1[a* = â] · R_p(ŷ)).

    Args:
        prm: The folder of a trained PRM (`ProcessRewardModule.save`), any other `StepScorer`, or a YAML file that
            describes one (`configs/scorers/`).
        selection: The H of the reward; the paper keeps the top 2.
        aggregation: Step scores to one number R_p; None takes the scorer's own, which is the minimum, the paper's, for
            a PRM trained here.
        refresh: How the PRM is trained on as the policy changes (ours); None leaves it as it is, as the paper does.
            It happens before the callbacks that come after this one measure.
        batch_size: Most responses scored at the same time (ours); their keys and values are what takes memory. Other
            scorers have one of their own.

    Raises:
        ValueError: If `batch_size` is less than 1, or another scorer than a PRM trained here is to be refreshed; if
            there is no PRM in the folder, at the start of `fit`, before the policy is loaded.
    """

    replaces_selection = True
    divisible = True  # but not with a refresh, which needs the iteration's first problems on all ranks

    def __init__(
        self,
        prm: str | StepScorer,
        selection: Selection | None = None,
        aggregation: Aggregation | None = None,
        refresh: PRMRefresh | None = None,
        batch_size: int = 256,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"PRMFilter.batch_size is {batch_size}; it must be at least 1.")
        self.prm = prm
        self.selection = selection or TopK(k=2)
        self.aggregation = aggregation
        self.refresh = refresh
        self.divisible = refresh is None
        self.batch_size = batch_size
        self._prm: StepScorer | None = None
        self._refreshed = False  # whether its weights are others than the folder's
        self._saved: dict[str, Tensor] = {}  # of a checkpoint that is resumed, until there is a PRM to hold them

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Loads the PRM, on the CPU; in other stages it is loaded when the first responses are to be scored."""
        if stage == "fit":
            self._loaded()
            if self.refresh:
                self.refresh.load()

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Scores and selects."""
        scoring = RankScoring(self._loaded(), self.aggregation)
        for rollout in scoring.blocks(iteration.rollouts, pl_module.device, trainer, iteration.divided):
            rollout.selected = self.selection(rollout)

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Refreshes the PRM when it is time."""
        if self.refresh is None or not self.refresh.due(iteration):
            return
        source = cast(SelfEvolvingDataModule, trainer.datamodule).source  # type: ignore[attr-defined]
        policy = cast(PolicyModule, pl_module)
        found = self.refresh(self._own(), policy, iteration, source.judge_steps)
        iteration.metrics |= found
        self._refreshed |= "prm/refresh_loss" in found

    def state_dict(self) -> dict[str, Any]:
        """The weights of a refreshed PRM; nothing as long as it is the folder's."""
        if self._prm is None or not self._refreshed:
            return {"refreshed": self._saved} if self._saved else {}
        return {"refreshed": {name: weight.detach() for name, weight in trained(self._own()).items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores `state_dict`, whether the PRM is loaded yet or not."""
        self._saved = state_dict.get("refreshed", {})
        self._restore()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ends what a scorer has started."""
        if self._prm is not None:
            self._prm.close()
        if self.refresh is not None:
            self.refresh.close()

    def _loaded(self) -> StepScorer:
        if self._prm is None:
            self._prm = scorer_of(self.prm, self.batch_size)
            if self.refresh:
                self._own()
            self._restore()
        return self._prm

    def _own(self) -> ProcessRewardModule:
        """The scorer as a PRM that can be trained."""
        scorer = self._loaded()
        if not isinstance(scorer, ProcessRewardModule):
            raise ValueError(
                f"PRMFilter.refresh trains a ProcessRewardModule, and prm is a {type(scorer).__name__}; leave it out."
            )
        return scorer

    def _restore(self) -> None:
        if self._saved and self._prm is not None:
            restore(self._own(), self._saved)
            self._saved, self._refreshed = {}, True
