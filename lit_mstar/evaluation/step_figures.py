"""How well scores tell right steps from wrong ones, as step benchmarks count it, with intervals over problems.

Notation: C chains, chain c with S_c steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

_RESAMPLES = 1000  # of problems, ours


@dataclass(frozen=True)
class ScoredChain:
    """A chain whose steps have scores and verdicts.

    Args:
        cluster: The problem, which several chains may share.
        tags: By which results are grouped.
        scores: One per step.
        labels: One per step: 1 right, 0 wrong, NaN where nobody judged or the verdict is neutral.
    """

    cluster: str
    tags: dict[str, str]
    scores: tuple[float, ...]
    labels: tuple[float, ...]


def macro_f1(chains: Sequence[ScoredChain], threshold: float) -> float:
    """The mean of the F1 of right steps and that of wrong ones, over all judged steps of all chains together.

    A step counts as right from the threshold on (VisualProcessBench, Wang et al. 2025, arXiv:2503.10291).
    """
    scores, right = judged(chains)
    return float(f1_score(right, scores >= threshold, average="macro", labels=[False, True], zero_division=0.0))


def first_error_f1(chains: Sequence[ScoredChain], threshold: float) -> float:
    """The harmonic mean of the accuracies on chains with an error and on chains without.

    Of the first kind, the first step below the threshold must be the first wrong one; of the other, none may be below
    it (ProcessBench, Zheng et al. 2024, arXiv:2412.06559).
    """
    found: dict[bool, list[bool]] = {True: [], False: []}
    for chain in chains:
        wrong, said = _first(chain.labels, lambda x: x == 0), _first(chain.scores, lambda x: x < threshold)
        found[wrong is not None].append(wrong == said)
    if not all(found.values()):
        return 0.0
    wrong_ones, right_ones = (float(np.mean(found[kind])) for kind in (True, False))
    return 2 * wrong_ones * right_ones / (wrong_ones + right_ones) if wrong_ones + right_ones else 0.0


def auroc(chains: Sequence[ScoredChain], threshold: float = 0.0) -> float:
    """How often a right step scores above a wrong one, over all judged steps; NaN where all are of one kind."""
    scores, right = judged(chains)
    return float(roc_auc_score(right, scores)) if len(set(right.tolist())) == 2 else float("nan")


def best_threshold(chains: Sequence[ScoredChain], figure: Callable[[Sequence[ScoredChain], float], float]) -> float:
    """The threshold of the highest figure among a hundred that divide the scores evenly."""
    scores, _ = judged(chains)
    candidates = np.unique(np.quantile(scores, np.linspace(0, 1, 101)))
    return float(max(candidates, key=lambda threshold: figure(chains, threshold)))


def with_interval(
    chains: Sequence[ScoredChain], figure: Callable[[Sequence[ScoredChain], float], float], threshold: float
) -> dict[str, Any]:
    """A figure with its 95% interval: percentiles over resampled problems, with all their chains (bootstrap)."""
    clusters: dict[str, list[ScoredChain]] = {}
    for chain in chains:
        clusters.setdefault(chain.cluster, []).append(chain)
    groups, rng = list(clusters.values()), np.random.default_rng(0)
    drawn = (rng.integers(len(groups), size=len(groups)) for _ in range(_RESAMPLES))
    values = [figure([chain for i in picks for chain in groups[i]], threshold) for picks in drawn]
    low, high = np.nanquantile(values, [0.025, 0.975])
    steps = sum(label == label for chain in chains for label in chain.labels)
    value = figure(chains, threshold)
    return {"value": value, "low": float(low), "high": float(high), "chains": len(chains), "steps": steps}


def judged(chains: Sequence[ScoredChain]) -> tuple[Any, Any]:
    """Scores and truth values of all judged steps."""
    pairs = [(s, x) for chain in chains for s, x in zip(chain.scores, chain.labels, strict=True) if x == x]
    return np.array([s for s, _ in pairs]), np.array([x > 0 for _, x in pairs])


def _first(values: Sequence[float], test: Callable[[float], bool]) -> int | None:
    return next((i for i, value in enumerate(values) if test(value)), None)
