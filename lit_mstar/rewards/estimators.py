"""What a problem's responses are worth, as functions of tensors: Pass@K, Reward-Pass@K, B-STaR's balance score.

Notation: B problems, N responses each. `metrics.py` takes their means over problems.
"""

from __future__ import annotations

import torch
from torch import Tensor


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
    check(correct, k)
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
    check(correct, k)
    check_score(score, correct)
    last = score.topk(k).values[:, -1:]
    above = score > last
    safe = (above & correct).any(1)
    return _chance(correct, score == last, k - above.sum(1)).where(~safe, 1.0)


def balance_score(correct: Tensor, kept: Tensor, wanted: int) -> Tensor:
    """Whether what a reward keeps of a problem's responses is enough, and right.

    min(n'/n*, 1) · n'/n of B-STaR (arXiv:2412.17256), where n' of the n responses kept are correct and n* are
    wanted; 0 where none is kept. (B-STaR's code leaves such problems out of its mean: `metrics.BalanceScore.empty`.)

    Args:
        correct: bool (B, N).
        kept: bool (B, N).
        wanted: n*, at least 1; it may be more than N.

    Returns:
        float64 (B,).

    Raises:
        ValueError: If `correct` is no bool (B, N), `kept` is of another shape or type, or `wanted` is less than 1.
    """
    check(correct, 1)
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


def check(correct: Tensor, k: int) -> None:
    """Raises ValueError if `correct` is no bool (B, N), or k isn't in 1…N."""
    if correct.dtype != torch.bool or correct.ndim != 2:
        shape = tuple(correct.shape)
        raise ValueError(f"correct is {correct.dtype} {shape}; it must be bool (problems, responses).")
    if not 1 <= k <= correct.shape[1]:
        n = correct.shape[1]
        raise ValueError(f"k is {k}; with {n} responses per problem it must be in 1…{n}.")


def check_score(score: Tensor, correct: Tensor) -> None:
    """Raises ValueError if `score` is of another shape than `correct`, or has a NaN."""
    if score.shape != correct.shape:
        raise ValueError(f"score is {tuple(score.shape)}; it must be {tuple(correct.shape)} like correct.")
    if score.isnan().any():
        raise ValueError("score has a NaN, which has no rank; score every response.")
