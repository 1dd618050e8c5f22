"""What the paper watches: how exploration decays and exploitation grows, iteration by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import cast

from lightning.pytorch import LightningModule, Trainer

from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.metrics import PassAtK, RewardPassAtK
from lit_mstar.rollouts import Iteration, Rollout
from lit_mstar.tables import correctness, distinctness, scores


class TrainingDynamics(EvolutionCallback):
    """Measures each iteration; its numbers go to the loggers by iteration and to the ledger.

    Of the training rollouts: `sampled`, `correct`, `kept` (counts), `share_correct`, `share_kept`, `distinct` (mean
    share of distinct texts per problem), `mean_steps`, and `faithful_kept` (share of kept responses whose steps are
    all true, where the source can tell). Of the validation problems, sampled at the current temperature:
    `greedy_accuracy`, `pass_at_k`, `gap` (their difference), `reward_pass_at_2`.

    Args:
        k: The K of Pass@K; at most the number of responses sampled.
        n: Responses per validation problem; None takes the training's number.
    """

    def __init__(self, k: int = 8, n: int | None = None) -> None:
        self.k = k
        self.n = n

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Remembers how the iteration was sampled."""
        if iteration.split == "train":
            iteration.metrics["temperature"] = iteration.sampling.temperature

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Measures the training rollouts, then samples the validation problems."""
        data = cast(SelfEvolvingDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        iteration.metrics |= rollout_metrics(iteration.rollouts)
        verdicts = [
            data.source.judge_steps(rollout.problem, rollout.responses[i].steps)
            for rollout in iteration.rollouts
            for i in rollout.selected
        ]
        if verdicts and all(verdict is not None for verdict in verdicts):
            iteration.metrics["faithful_kept"] = fmean(all(verdict or [False]) for verdict in verdicts)
        if "val/accuracy" in trainer.callback_metrics:
            iteration.metrics["greedy_accuracy"] = float(trainer.callback_metrics["val/accuracy"])
        if data.problems("validate"):
            self._explore(data, iteration)

    def _explore(self, data: SelfEvolvingDataModule, iteration: Iteration) -> None:
        sampling = replace(iteration.sampling, n=self.n or iteration.sampling.n)
        rollouts = data.measure("validate", sampling).rollouts
        correct, ranking = correctness(rollouts), scores(rollouts)
        metrics = iteration.metrics
        explored = PassAtK(min(self.k, sampling.n), sync_on_compute=False)  # every rank has all rollouts
        explored.update(correct)
        metrics["pass_at_k"] = float(explored.compute())
        if "greedy_accuracy" in metrics:
            metrics["gap"] = metrics["pass_at_k"] - metrics["greedy_accuracy"]
        if ranking is not None:
            ranked = RewardPassAtK(min(2, sampling.n), sync_on_compute=False)
            ranked.update(correct, ranking)
            metrics["reward_pass_at_2"] = float(ranked.compute())


def rollout_metrics(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Counts and shares over an iteration's rollouts, in one pass: they may be on disk."""
    sampled = correct = kept = steps = 0
    distinct: list[float] = []
    for rollout in rollouts:
        sampled += len(rollout.responses)
        correct += sum(response.correct is True for response in rollout.responses)
        kept += len(rollout.selected)
        steps += sum(len(response.steps) for response in rollout.responses)
        distinct.append(distinctness(rollout))
    return {
        "sampled": sampled,
        "correct": correct,
        "kept": kept,
        "share_correct": correct / sampled,
        "share_kept": kept / sampled,
        "distinct": fmean(distinct),
        "mean_steps": steps / sampled,
    }
