"""What a policy and its reward are worth: greedy accuracy, Pass@K, Reward-Pass@K and the balance score.

All are means over problems, exact under any split of the problems into batches and processes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


def pass_at_k(correct: Tensor, k: int) -> Tensor:
    """The chance that at least one of k of a problem's N responses is correct.

    The unbiased estimator 1 - C(N-c, k) / C(N, k) of Chen et al. 2021, "Evaluating large language models
    trained on code" (arXiv:2107.03374), where c of the N responses are correct.

    Args:
        correct: bool (B, N).
        k: From 1 to N.

    Returns:
        float64 (B,).

    Raises:
        ValueError: If `correct` is no bool (B, N), or k isn't in 1…N.
    """
    _check(correct, k)
    return _chance(correct, torch.ones_like(correct), torch.full_like(correct[:, 0], k, dtype=torch.long))


def reward_pass_at_k(correct: Tensor, score: Tensor, k: int) -> Tensor:
    """Whether one of the k responses that score highest is correct.

    Responses that tie for the last of the k places share them: the result is the expectation over a random
    order among equal scores, so a constant score gives `pass_at_k`. Answers aren't compared or filtered.

    Args:
        correct: bool (B, N).
        score: float (B, N), without NaN.
        k: From 1 to N.

    Returns:
        float64 (B,), 0 or 1 but where scores tie.

    Raises:
        ValueError: If `correct` is no bool (B, N), k isn't in 1…N, or `score` has another shape or a NaN.
    """
    _check(correct, k)
    _check_score(score, correct)
    last = score.topk(k).values[:, -1:]
    above = score > last
    safe = (above & correct).any(1)
    return _chance(correct, score == last, k - above.sum(1)).where(~safe, 1.0)


def balance_score(correct: Tensor, kept: Tensor, wanted: int) -> Tensor:
    """Whether what a reward keeps of a problem's responses is enough, and right.

    min(n'/n*, 1) · n'/n of B-STaR (arXiv:2412.17256), where n' of the n responses kept are correct and n* are
    wanted; 0 where none is kept.

    Args:
        correct: bool (B, N).
        kept: bool (B, N).
        wanted: n*, at least 1; it may be more than N.

    Returns:
        float64 (B,).

    Raises:
        ValueError: If `correct` is no bool (B, N), `kept` is of another shape or type, or `wanted` is less than 1.
    """
    _check(correct, 1)
    if kept.shape != correct.shape or kept.dtype != torch.bool:
        raise ValueError(
            f"kept is {kept.dtype} {tuple(kept.shape)}; it must be bool {tuple(correct.shape)} like correct."
        )
    if wanted < 1:
        raise ValueError(f"wanted is {wanted}; it must be at least 1.")
    good, all_kept = (correct & kept).sum(1).double(), kept.sum(1)
    return (good / wanted).clamp(max=1) * good / all_kept.clamp(min=1)  # good is 0 where none is kept


def _chance(correct: Tensor, pool: Tensor, draws: Tensor) -> Tensor:
    """The chance that draws (B,) items without replacement from pool (B, N) include a correct one, (B,)."""
    size, hits = pool.sum(1, keepdim=True), (pool & correct).sum(1, keepdim=True)
    # C(m-c, d) / C(m, d) as the product over i < c of 1 - d / (m-i): no large number ever appears.
    i = torch.arange(pool.shape[1], device=pool.device)
    miss = 1 - draws[:, None].double() / (size - i)
    return 1 - miss.clamp(min=0).where(i < hits, 1.0).prod(1)


def _check(correct: Tensor, k: int) -> None:
    if correct.dtype != torch.bool or correct.ndim != 2:
        shape = tuple(correct.shape)
        raise ValueError(f"correct is {correct.dtype} {shape}; it must be bool (problems, responses).")
    if not 1 <= k <= correct.shape[1]:
        n = correct.shape[1]
        raise ValueError(f"k is {k}; with {n} responses per problem it must be in 1…{n}.")


def _check_score(score: Tensor, correct: Tensor) -> None:
    if score.shape != correct.shape:
        raise ValueError(f"score is {tuple(score.shape)}; it must be {tuple(correct.shape)} like correct.")
    if score.isnan().any():
        raise ValueError("score has a NaN, which has no rank; score every response.")


class ProblemMean(Metric):
    """The mean of one value per problem, and its standard error.

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
        self.add_state(name, torch.zeros(3, dtype=torch.float64), dist_reduce_fx="sum")

    def add(self, value: Tensor) -> None:
        """Count one value per problem, (B,)."""
        value = value.double()
        moments = torch.stack([torch.ones_like(value), value, value**2]).sum(1)
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
        _check(correct[:, None], 1)
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
        kwargs: See `torchmetrics.Metric`.

    Raises:
        ValueError: If `wanted` is less than 1; by `update`, if a score is NaN or shapes do not fit.
    """

    def __init__(self, threshold: float, wanted: int = 8, **kwargs: Any) -> None:
        if wanted < 1:
            raise ValueError(f"wanted is {wanted}; it must be at least 1.")
        super().__init__(f"balance_score_{wanted}_{threshold}", **kwargs)
        self.threshold = threshold
        self.wanted = wanted

    def update(self, correct: Tensor, score: Tensor) -> None:
        """Count problems by `correct`, bool (B, N), and `score`, float (B, N)."""
        _check(correct, 1)
        _check_score(score, correct)
        self.add(balance_score(correct, score > self.threshold, self.wanted))
