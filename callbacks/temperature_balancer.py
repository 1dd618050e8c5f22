"""Chooses the sampling temperature that balances exploration and exploitation, as the policy changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, Literal, NamedTuple, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from lit_mstar.charts.searches import Search, search_figure
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.loggers.pictures import log_figure
from lit_mstar.modules.scorer import scorer_of
from lit_mstar.rewards.balance import By, Choice, Rule, Worth, choose, criterion, curve_metrics
from lit_mstar.rewards.racing import race
from lit_mstar.rollouts.nouns import Iteration, Problem
from lit_mstar.rollouts.tensors import correctness, first_of_text, scores
from lit_mstar.scorers.base import StepScorer
from lit_mstar.scorers.rank_scoring import RankScoring

GRID = tuple(round(0.1 * tenth, 1) for tenth in range(3, 17))
THRESHOLDS = tuple(round(0.1 * tenth, 1) for tenth in range(10))


class _Outcome(NamedTuple):
    """What came of some problems' responses: whether they are right, their scores, new texts; see `Criterion`."""

    correct: Tensor
    score: Tensor | None
    first: Tensor


class TemperatureBalancer(EvolutionCallback):
    """Every few iterations, takes the temperature that is worth most on the validation problems.

    By Reward-Pass@K, as in the paper; by Pass@K, its ablation, which needs no scores; or by the balance score of B-STaR
    (arXiv:2412.17256). The last is chosen together with a score threshold, and from then on responses that do not
    score above it are not learned from: place the callback after the one that scores and selects (such as
    `PRMFilter(selection=AllCorrect())`). Among equal temperatures it takes the one nearest to the current one, among
    equal thresholds the lowest.

    Args:
        every: Iterations between two choices (2 in the paper).
        grid: The temperatures to choose from (0.3, 0.4, …, 1.6 in the paper).
        k: How many of the responses ranked highest count (2 in the paper, as training keeps two).
        n: Responses per validation problem and temperature; None takes the training's number.
        by: What a temperature is judged by.
        wanted: For "balance", how many correct responses to a problem are enough (8 in B-STaR's code).
        thresholds: For "balance", the score thresholds to choose from (ours; B-STaR's rewards have another scale).
        empty: For "balance", whether a problem of which nothing is kept counts as "zero" (ours) or is left out of the
            mean ("skip", as in B-STaR's code).
        rule: What is taken: the temperature that is worth most ("argmax", as in the paper), or the current one unless
            another is better beyond the paired standard error of the difference ("significant", ours).
        search: Whether every temperature is judged on "all" validation problems, as in the paper, or in a "race" (ours,
            `rewards/racing.py`): all on a few, and the better ones on more. It knows little of those that it drops.
            What training sampled does not count: its problems are others, and the weights have moved on since.
        first: For "race", the problems that all temperatures are judged on, drawn with the iteration's seed.
        worth: For "race", the difference between temperatures that is not worth sampling for.
        scorer: Who scores, as for `PRMFilter.prm`; None takes the scores that a callback above this one has given.

    Raises:
        ValueError: If `every`, `k` or `wanted` is less than 1, `first` less than 2 or `worth` negative, `grid` is empty
            or has a temperature that is not positive, or "balance" has no `thresholds`; in training, if scores are
            needed and missing.
    """

    divisible = True

    def __init__(
        self,
        every: int = 2,
        grid: Sequence[float] = GRID,
        k: int = 2,
        n: int | None = None,
        by: By = "reward_pass",
        wanted: int = 8,
        thresholds: Sequence[float] = THRESHOLDS,
        empty: Literal["zero", "skip"] = "zero",
        rule: Rule = "argmax",
        search: Literal["all", "race"] = "all",
        first: int = 16,
        worth: float = 0.02,
        scorer: str | StepScorer | None = None,
    ) -> None:
        if every < 1:
            raise ValueError(f"TemperatureBalancer.every is {every}; it must be at least 1.")
        if not grid or min(grid) <= 0:
            raise ValueError(f"TemperatureBalancer.grid is {list(grid)}; it needs temperatures above 0.")
        if rule not in ("argmax", "significant"):
            raise ValueError(f"TemperatureBalancer.rule is {rule!r}; it must be 'argmax' or 'significant'.")
        if search not in ("all", "race"):
            raise ValueError(f"TemperatureBalancer.search is {search!r}; it must be 'all' or 'race'.")
        if first < 2 or worth < 0:
            raise ValueError(
                f"TemperatureBalancer.first is {first} and worth is {worth}; they must be at least 2 and at least 0."
            )
        self.every = every
        self.rule: Rule = rule
        self.search = search
        self.first = first
        self.worth = worth
        self.grid = sorted(float(temperature) for temperature in grid)
        self.n = n
        self.amends_selection = by == "balance"
        self.criterion = criterion(by, k, wanted, thresholds, empty)
        self.scorer = scorer
        self._scoring: RankScoring | None = None
        self.temperature: float | None = None  # None: as the DataModule says
        self.threshold: float | None = None  # None: whatever is selected is learned from
        self.history: list[dict[str, Any]] = []  # one entry per choice, with the whole curve

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Looks whether its scorer, if it has one, can score."""
        if stage == "fit" and self.scorer is not None and self._scoring is None:
            self._scoring = RankScoring(scorer_of(self.scorer))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ends what its scorer has started."""
        if self._scoring:
            self._scoring.scorer.close()

    def on_sampling_start(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Samples with the chosen temperature."""
        if self.temperature is not None:
            iteration.sampling = replace(iteration.sampling, temperature=self.temperature)

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Drops what doesn't score above the chosen threshold."""
        if self.threshold is None or iteration.split != "train":
            return
        for rollout in iteration.rollouts:
            if (score := scores([rollout])) is None:
                raise ValueError(
                    "TemperatureBalancer needs scored responses; place it after the callback that scores them."
                )
            # As a tensor, as it was when the threshold was chosen: the same numbers are above it.
            above = (score > self.threshold)[0]
            rollout.selected = [index for index in rollout.selected if above[index]]

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Chooses the temperature (and threshold) of the next iterations."""
        if (iteration.index + 1) % self.every:
            return
        curve, chosen = self._search(trainer, iteration)
        self.temperature, self.threshold = self.grid[chosen.place], curve[chosen.place].threshold
        entry: dict[str, Any] = {
            "iteration": iteration.index,
            "temperature": self.temperature,
            "rule": self.rule,
            "why": chosen.why,
            "close": [self.grid[i] for i in chosen.close],
            "values": [worth.value for worth in curve],
            "standard_error": [worth.standard_error for worth in curve],
            "problems": [worth.problems for worth in curve],
        }
        if self.threshold is not None:
            entry |= {"threshold": self.threshold, "thresholds": [worth.threshold for worth in curve]}
        self.history.append(entry)
        self._log(iteration, curve, chosen)
        self._draw(trainer, iteration, curve)

    def state_dict(self) -> dict[str, Any]:
        """The temperature and threshold, and how they came about."""
        return {"temperature": self.temperature, "threshold": self.threshold, "history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores `state_dict`."""
        self.temperature = state_dict["temperature"]
        self.threshold = state_dict["threshold"]
        self.history = state_dict["history"]

    def _search(self, trainer: Trainer, done: Iteration) -> tuple[list[Worth], Choice]:
        """What each temperature is worth, on all problems or in a race, and which is taken."""
        data = cast(SelfEvolvingDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        problems = list(data.require("validate", answered=True))
        current = done.sampling.temperature
        sampled: list[list[_Outcome]] = [[] for _ in self.grid]  # by temperature, in the order of the problems

        def judge(place: int, count: int) -> Worth:
            known = sum(len(outcome.correct) for outcome in sampled[place])
            sampled[place].append(self._outcome(trainer, data, done, self.grid[place], problems[known:count]))
            return self.criterion(*_joined(sampled[place]))

        if self.search == "race":
            Random(done.sampling.seed).shuffle(problems)  # noqa: S311 - the same on every rank, and when resumed
            return race(judge, self.grid, len(problems), self.first, self.worth, self.rule, current)
        curve = [judge(place, len(problems)) for place in range(len(self.grid))]
        return curve, choose(self.rule, self.grid, curve, current)

    def _outcome(
        self,
        trainer: Trainer,
        data: SelfEvolvingDataModule,
        done: Iteration,
        temperature: float,
        problems: Sequence[Problem],
    ) -> _Outcome:
        # The same random numbers at every temperature: their differences are then less noisy than the values.
        sampling = replace(done.sampling, temperature=temperature, n=self.n or done.sampling.n)
        rollouts = data.measure("validate", sampling, problems).rollouts
        if self._scoring:
            rollouts = self._scoring.scored(rollouts, trainer.strategy.root_device, trainer)
        ranking = scores(rollouts)
        if ranking is None and self.criterion.needs_scores:
            raise ValueError(
                "TemperatureBalancer needs scored responses; add the PRMFilter callback, or name a scorer."
            )
        return _Outcome(correctness(rollouts), ranking, first_of_text(rollouts))

    def _log(self, iteration: Iteration, curve: Sequence[Worth], chosen: Choice) -> None:
        iteration.metrics |= curve_metrics(self.criterion.name, self.grid, curve)
        iteration.metrics["balance/close"] = float(len(chosen.close))
        iteration.metrics["next_temperature"] = cast(float, self.temperature)
        also = ""
        if self.threshold is not None:
            iteration.metrics["next_threshold"] = self.threshold
            also = f" and threshold {self.threshold:g}"
        most = max(worth.problems for worth in curve)
        shown = "  ".join(
            f"{t:g}: {worth.value:.3f}" + (f" (of {worth.problems})" if worth.problems < most else "")
            for t, worth in zip(self.grid, curve, strict=True)
        )
        close = ", ".join(f"{self.grid[i]:g}" for i in chosen.close)
        rank_zero_info(
            f"Iteration {iteration.index}: temperature {iteration.sampling.temperature:g} -> {self.temperature:g}"
            f"{also} by {self.rule} {self.criterion.title} ({chosen.why}; within one standard error of the highest: "
            f"{close}). {shown} (of {most} problems)"
        )

    def _draw(self, trainer: Trainer, iteration: Iteration, curve: Sequence[Worth]) -> None:
        """The whole curve as one figure, in place of a scalar for each temperature."""
        search = Search(
            self.grid,
            [worth.value for worth in curve],
            [worth.standard_error for worth in curve],
            iteration.sampling.temperature,
            cast(float, self.temperature),
            self.criterion.title,
            [worth.problems for worth in curve],
        )
        log_figure(trainer, "temperature/search", search_figure(search), iteration.index)


def _joined(parts: Sequence[_Outcome]) -> _Outcome:
    score = [part.score for part in parts if part.score is not None]
    return _Outcome(
        torch.cat([part.correct for part in parts]),
        torch.cat(score) if len(score) == len(parts) else None,
        torch.cat([part.first for part in parts]),
    )
