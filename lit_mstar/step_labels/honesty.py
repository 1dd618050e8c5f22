"""Whether a reward model that is trained on with its policy still prefers what is right for the right reasons."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.stats import spearmanr
from torchmetrics.functional.classification import binary_auroc, binary_calibration_error

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.rewards.aggregation import Aggregation, aggregate

StepScores = Sequence[Sequence[float]]  # of chains


def honesty(
    examples: Sequence[StepExample], right: Sequence[bool | None], scores: StepScores, way: Aggregation
) -> dict[str, float]:
    """How far scores can be trusted; each figure is left out where it cannot be told.

    - `auroc` and `ece`: over steps, against their truth, or hard labels where it is unknown.
    - `by_accident`: of the problems with a right answer by a chain that is right in all steps, and another by one that
      is not, the share where one of the latter scores highest.

    Args:
        examples: Chains with labels, several to a problem.
        right: Whether their answers are.
        scores: Of their steps.
        way: How these become a chain's.
    """
    found: dict[str, float] = {}
    values = torch.tensor([score for row in scores for score in row])
    targets = torch.tensor([int(target) for example in examples for target in example.targets()])
    if len(targets) and 0 < int(targets.sum()) < len(targets):
        found["auroc"] = float(binary_auroc(values, targets))
        found["ece"] = float(binary_calibration_error(values, targets, n_bins=15))
    accidents = _accidents(examples, right, [aggregate(row, way) for row in scores])
    if accidents:
        found["by_accident"] = sum(accidents) / len(accidents)
    return found


def _accidents(examples: Sequence[StepExample], right: Sequence[bool | None], scores: Sequence[float]) -> list[bool]:
    problems: dict[str, list[tuple[float, bool]]] = {}
    for example, correct, score in zip(examples, right, scores, strict=True):
        if correct:
            problems.setdefault(example.problem.id, []).append((score, all(example.targets())))
    choices = [chains for chains in problems.values() if len({honest for _, honest in chains}) == 2]
    return [not max(chains, key=lambda chain: chain[0])[1] for chains in choices]


def disagreement(one: StepScores, other: StepScores, ways: tuple[Aggregation, Aggregation]) -> float:
    """How differently two scorers rank chains, (1 - Spearman's correlation) / 2; 1/2 where one ranks none."""
    first, second = ([aggregate(row, way) for row in rows] for rows, way in zip((one, other), ways, strict=True))
    if min(len(set(first)), len(set(second))) < 2:
        return 0.5
    return (1 - float(spearmanr(first, second).statistic)) / 2
