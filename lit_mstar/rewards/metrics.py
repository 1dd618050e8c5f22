"""What a policy and its reward are worth, for torchmetrics: greedy accuracy, Pass@K, Reward-Pass@K, the balance score.

All are means over problems of what `estimators.py` computes, exact under any split of the problems into batches and
processes.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from lit_mstar.rewards.estimators import balance_score, check, check_score, pass_at_k, reward_pass_at_k


class ProblemMean(Metric):
    """The mean of one value per problem, and its standard error.

    `each` has the last batch's values, float64 (B,), NaN for a problem that the mean leaves out.

    Args:
        name: What is measured. `MetricCollection` shares the state of metrics whose states have the same name
            and the same value after the first batch, so two that may differ later need different names.
        kwargs: See `torchmetrics.Metric`.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.each: Tensor | None = None
        self.add_state(name, torch.zeros(3, dtype=torch.float64), dist_reduce_fx="sum")

    def add(self, value: Tensor) -> None:
        """Count one value per problem, (B,), of any device; NaN leaves the problem out."""
        self.each = value.to(getattr(self, self.name))  # marked on the CPU, and counted where the model is
        counted = ~self.each.isnan()
        value = self.each.where(counted, 0.0)
        moments = torch.stack([counted.to(value), value, value**2]).sum(1)
        setattr(self, self.name, getattr(self, self.name) + moments)

    def compute(self) -> Tensor:
        """The mean, a float64 scalar; NaN without problems."""
        count, total, _ = self._moments()
        return total / count

    def standard_error(self) -> Tensor:
        """The standard error of the mean over all processes' problems, float64; NaN for fewer than two.

        In distributed runs every process has to call it.
        """
        with self.sync_context(should_sync=self.sync_on_compute):
            count, total, squares = self._moments()
            variance = (squares - total**2 / count).clamp(min=0) / (count - 1)
            return (variance / count).sqrt()

    def _moments(self) -> tuple[Tensor, ...]:
        """The number of problems, and the sums of their values and of the squares."""
        state: Tensor = getattr(self, self.name)
        return state.unbind()


class GreedyAccuracy(ProblemMean):
    """The share of problems whose greedy response is correct."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("greedy_accuracy", **kwargs)

    def update(self, correct: Tensor) -> None:
        """Count problems by `correct`, bool (B,)."""
        check(correct[:, None], 1)
        self.add(correct)


class _MeanAtK(ProblemMean):
    def __init__(self, k: int, **kwargs: Any) -> None:
        if k < 1:
            raise ValueError(f"k is {k}; it must be at least 1.")
        super().__init__(f"{type(self).__name__}_{k}", **kwargs)
        self.k = k


class PassAtK(_MeanAtK):
    """The mean of `pass_at_k`.

    Args:
        k: From 1 to the number of responses per problem.
        kwargs: See `torchmetrics.Metric`.

    Raises:
        ValueError: If k is less than 1; by `update`, where `pass_at_k` raises it.
    """

    def update(self, correct: Tensor, score: Tensor | None = None) -> None:
        """Count problems by `correct`, bool (B, N); `score` is for others in the same `MetricCollection`."""
        self.add(pass_at_k(correct, self.k))


class RewardPassAtK(_MeanAtK):
    """The mean of `reward_pass_at_k`.

    Args:
        k: From 1 to the number of responses per problem.
        kwargs: See `torchmetrics.Metric`.

    Raises:
        ValueError: If k is less than 1; by `update`, where `reward_pass_at_k` raises it.
    """

    def update(self, correct: Tensor, score: Tensor) -> None:
        """Count problems by `correct`, bool (B, N), and `score`, float (B, N)."""
        self.add(reward_pass_at_k(correct, score, self.k))


class BalanceScore(ProblemMean):
    """The mean of `balance_score`, where responses that score above a threshold are kept, correct or not.

    Args:
        threshold: A score that equals it isn't enough.
        wanted: How many responses to a problem are enough (8 in B-STaR's code).
        empty: A problem of which nothing is kept counts as "zero" (ours: it gives nothing to learn), or is left out
            of the mean ("skip", as in B-STaR's code); the mean over no problem at all is then 0.
        kwargs: See `torchmetrics.Metric`.

    Raises:
        ValueError: If `wanted` is less than 1 or `empty` is neither; by `update`, if a score is NaN or shapes do not
            fit.
    """

    def __init__(
        self, threshold: float, wanted: int = 8, empty: Literal["zero", "skip"] = "zero", **kwargs: Any
    ) -> None:
        if wanted < 1:
            raise ValueError(f"wanted is {wanted}; it must be at least 1.")
        if empty not in ("zero", "skip"):
            raise ValueError(f'empty is {empty!r}; it must be "zero" or "skip".')
        super().__init__(f"balance_score_{wanted}_{threshold}_{empty}", **kwargs)
        self.threshold = threshold
        self.wanted = wanted
        self.empty = empty

    def update(self, correct: Tensor, score: Tensor) -> None:
        """Count problems by `correct`, bool (B, N), and `score`, float (B, N)."""
        check(correct, 1)
        check_score(score, correct)
        kept = score > self.threshold
        values = balance_score(correct, kept, self.wanted)
        self.add(values if self.empty == "zero" else values.where(kept.any(1), torch.nan))

    def compute(self) -> Tensor:
        """The mean, a float64 scalar; NaN without problems, 0 where all were left out."""
        return super().compute().nan_to_num(0.0) if self.empty == "skip" else super().compute()
