"""What the paper watches: how exploration decays and exploitation grows, iteration by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from lightning.pytorch import LightningModule, Trainer

from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.rewards.metrics import PassAtK, RewardPassAtK
from lit_mstar.rewards.rollout_metrics import rollout_metrics, tally
from lit_mstar.rollouts.nouns import Iteration
from lit_mstar.rollouts.tensors import correctness, scores
from lit_mstar.training.division import parts


class TrainingDynamics(EvolutionCallback):
    """Measures each iteration; its numbers go to the loggers by iteration and to the ledger.

    Of the training rollouts: `sampled`, `correct`, `kept`, `cut` at `max_tokens` (counts), `share_correct` (of those
    whose correctness is known), `share_kept` (of all sampled), `distinct` (mean share of distinct texts per problem),
    `mean_steps`, and, where the source can tell, the share of chains whose steps are all true: `faithful_correct` of
    all distinct correct responses, `faithful_kept` of those kept; what the selection buys is between the two. Where
    problems are sampled in waves, `share_correct`, `distinct` and `mean_steps` are of the first wave.

    Of the validation problems that have answers, sampled at the current temperature: `pass_at_k`,
    `reward_pass_at_2`, `greedy_accuracy`, and `gap`, Pass@K less greedy accuracy; and the first two at other
    temperatures, as `pass_at_k/T=0.7`.

    Args:
        k: The K of Pass@K; at most the number of responses sampled.
        n: Responses per validation problem; None takes the training's number.
        temperatures: Where to sample the validation problems besides the current temperature.
        every: Iterations between two samplings of the validation problems (ours); the last epoch always has one.

    Raises:
        ValueError: If `every` is less than 1, or one of `temperatures` is not positive.
    """

    divisible = True

    def __init__(self, k: int = 8, n: int | None = None, temperatures: Sequence[float] = (), every: int = 1) -> None:
        if every < 1:
            raise ValueError(f"TrainingDynamics.every is {every}; it must be at least 1.")
        if min(temperatures, default=1) <= 0:
            raise ValueError(f"TrainingDynamics.temperatures is {list(temperatures)}; they must be above 0.")
        self.k = k
        self.n = n
        self.temperatures = [float(temperature) for temperature in temperatures]
        self.every = every

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Remembers how the iteration was sampled."""
        if iteration.split == "train":
            iteration.metrics["temperature"] = iteration.sampling.temperature

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Measures the training rollouts, then samples the validation problems."""
        data = cast(SelfEvolvingDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        first = iteration.waves.first if iteration.waves else None
        mine = tally(iteration.rollouts, data.source.judge_steps, first)
        iteration.metrics |= rollout_metrics(parts(iteration, mine))
        validated = (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
        if validated and "val/accuracy" in trainer.callback_metrics:  # otherwise it is an earlier epoch's
            iteration.metrics["greedy_accuracy"] = float(trainer.callback_metrics["val/accuracy"])
        last = trainer.current_epoch + 1 == trainer.max_epochs
        due = last or (iteration.index + 1) % self.every == 0
        if due and data.answered("validate"):
            self._explore(data, iteration)

    def _explore(self, data: SelfEvolvingDataModule, iteration: Iteration) -> None:
        metrics, current = iteration.metrics, iteration.sampling.temperature
        found = {t: self._measured(data, iteration, t) for t in dict.fromkeys([current, *self.temperatures])}
        metrics |= found[current]
        if "greedy_accuracy" in metrics:
            metrics["gap"] = metrics["pass_at_k"] - metrics["greedy_accuracy"]
        for temperature in self.temperatures:
            metrics |= {f"{name}/T={temperature:g}": value for name, value in found[temperature].items()}

    def _measured(self, data: SelfEvolvingDataModule, done: Iteration, temperature: float) -> dict[str, float]:
        """Pass@K and, of scored responses, Reward-Pass@2; with the same random numbers at every temperature."""
        sampling = replace(done.sampling, temperature=temperature, n=self.n or done.sampling.n)
        rollouts = data.measure("validate", sampling).rollouts
        correct, ranking = correctness(rollouts), scores(rollouts)
        explored = PassAtK(min(self.k, sampling.n), sync_on_compute=False)  # every rank has all rollouts
        explored.update(correct)
        metrics = {"pass_at_k": float(explored.compute())}
        if ranking is not None:
            ranked = RewardPassAtK(min(2, sampling.n), sync_on_compute=False)
            ranked.update(correct, ranking)
            metrics["reward_pass_at_2"] = float(ranked.compute())
        return metrics
