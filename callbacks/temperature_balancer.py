"""Chooses the sampling temperature that balances exploration and exploitation, as the policy changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.metrics import RewardPassAtK
from lit_mstar.rollouts import Iteration
from lit_mstar.tables import correctness, scores

GRID = tuple(round(0.1 * tenth, 1) for tenth in range(3, 17))


class TemperatureBalancer(EvolutionCallback):
    """Every few iterations, takes the temperature with the highest Reward-Pass@K on the validation problems.

    Args:
        every: Iterations between two choices (2 in the paper).
        grid: The temperatures to choose from (0.3, 0.4, …, 1.6 in the paper).
        k: How many of the responses ranked highest count (2 in the paper, as training keeps two).
        n: Responses per validation problem and temperature; None takes the training's number.

    Raises:
        ValueError: If `every` or `k` is less than 1, or `grid` is empty or has a temperature that is not positive.
    """

    def __init__(self, every: int = 2, grid: Sequence[float] = GRID, k: int = 2, n: int | None = None) -> None:
        if every < 1 or k < 1:
            raise ValueError(f"TemperatureBalancer.every is {every} and k is {k}; both must be at least 1.")
        if not grid or min(grid) <= 0:
            raise ValueError(f"TemperatureBalancer.grid is {list(grid)}; it needs temperatures above 0.")
        self.every = every
        self.grid = [float(temperature) for temperature in grid]
        self.k = k
        self.n = n
        self.temperature: float | None = None  # None: as the DataModule says
        self.history: list[dict[str, Any]] = []  # one entry per choice, with the whole curve

    def on_sampling_start(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Samples with the chosen temperature."""
        if self.temperature is not None:
            iteration.sampling = replace(iteration.sampling, temperature=self.temperature)

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Chooses the temperature of the next iterations."""
        if (iteration.index + 1) % self.every:
            return
        data = cast(SelfEvolvingDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        curve = [self._reward_pass(data, iteration, temperature) for temperature in self.grid]
        best = max(range(len(self.grid)), key=lambda i: curve[i][0])  # the lowest temperature among equals
        self.temperature = self.grid[best]
        self.history.append(
            {
                "iteration": iteration.index,
                "temperature": self.temperature,
                "reward_pass": [value for value, _ in curve],
                "standard_error": [error for _, error in curve],
            }
        )
        self._log(trainer, iteration)

    def state_dict(self) -> dict[str, Any]:
        """The temperature and how it came about."""
        return {"temperature": self.temperature, "history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores `state_dict`."""
        self.temperature = state_dict["temperature"]
        self.history = state_dict["history"]

    def _reward_pass(self, data: SelfEvolvingDataModule, done: Iteration, temperature: float) -> tuple[float, float]:
        # The same random numbers at every temperature: their differences are then less noisy than the values.
        sampling = replace(done.sampling, temperature=temperature, n=self.n or done.sampling.n)
        measured = data.measure("validate", sampling)
        ranking = scores(measured.rollouts)
        if ranking is None:
            raise ValueError("TemperatureBalancer needs scored responses; add the PRMFilter callback.")
        metric = RewardPassAtK(self.k, sync_on_compute=False)  # every rank has all rollouts
        metric.update(correctness(measured.rollouts), ranking)
        return float(metric.compute()), float(metric.standard_error())

    def _log(self, trainer: Trainer, iteration: Iteration) -> None:
        chosen = self.history[-1]
        for temperature, value, error in zip(self.grid, chosen["reward_pass"], chosen["standard_error"], strict=True):
            iteration.metrics[f"balance/reward_pass_at_{self.k}/T={temperature:g}"] = value
            iteration.metrics[f"balance/standard_error/T={temperature:g}"] = error
        iteration.metrics["next_temperature"] = chosen["temperature"]
        curve = "  ".join(f"{t:g}: {v:.3f}" for t, v in zip(self.grid, chosen["reward_pass"], strict=True))
        rank_zero_info(
            f"Iteration {iteration.index}: temperature {iteration.sampling.temperature:g} -> {self.temperature:g}, "
            f"where Reward-Pass@{self.k} is highest ({curve})."
        )
