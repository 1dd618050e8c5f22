"""Step scores to one score of the response: R_p in the paper's reward, min by default."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

Aggregation = Literal["min", "product", "mean", "last"]

_FUNCTIONS: dict[Aggregation, Callable[[Sequence[float]], float]] = {
    "min": min,
    "product": math.prod,
    "mean": lambda scores: sum(scores) / len(scores),
    "last": lambda scores: scores[-1],
}


def aggregate(step_scores: Sequence[float], how: Aggregation = "min") -> float:
    """One score in [0, 1] for a response; 0 where it has no steps, so that nothing ranks below it.

    Args:
        step_scores: f(s_0), …, f(s_m), each in [0, 1].
        how: "min" is the paper's R_p(ŷ) = min_j f(s_j).

    Raises:
        ValueError: If a score is NaN or infinite: nobody may learn from a broken score, however fine the others are.
    """
    if broken := [j for j, score in enumerate(step_scores) if not math.isfinite(score)]:
        raise ValueError(
            f"The score of step {broken[0]} is {step_scores[broken[0]]}; a reward model must give finite numbers. Look "
            "at its weights and its precision (bf16 instead of fp16)."
        )
    return _FUNCTIONS[how](step_scores) if step_scores else 0.0
