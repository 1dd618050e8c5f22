"""How well scores tell right steps from wrong ones, as step benchmarks count it, with intervals over problems.

Notation: C chains, chain c with S_c steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_RESAMPLES = 2000  # of problems, ours


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


@dataclass(frozen=True)
class Figure:
    """A figure that is made of counts, which chains add up to.

    Args:
        title: For tables.
        count: The counts of a chain at a threshold, (4,).
        value: The figure of sums of counts, (…, 4) to (…,).
    """

    title: str
    count: Callable[[ScoredChain, float], Floats]
    value: Callable[[Floats], Floats]

    def __call__(self, chains: Sequence[ScoredChain], threshold: float) -> float:
        """The figure of all chains together; a step counts as right from the threshold on."""
        return float(self.value(np.sum([self.count(chain, threshold) for chain in chains], axis=0)))

    def with_interval(self, chains: Sequence[ScoredChain], threshold: float) -> dict[str, Any]:
        """The figure and its 95% interval: percentiles over resampled problems with all their chains (bootstrap)."""
        clusters: dict[str, Floats] = {}
        for chain in chains:
            clusters[chain.cluster] = clusters.get(chain.cluster, np.zeros(4)) + self.count(chain, threshold)
        counts = np.array(list(clusters.values()))  # (problems, 4)
        picks = np.random.default_rng(0).multinomial(len(counts), [1 / len(counts)] * len(counts), _RESAMPLES)
        low, high = np.quantile(self.value(picks @ counts), [0.025, 0.975])
        steps = sum(label == label for chain in chains for label in chain.labels)
        value = float(self.value(counts.sum(0)))
        return {"value": value, "low": float(low), "high": float(high), "chains": len(chains), "steps": steps}

    def best_threshold(self, chains: Sequence[ScoredChain]) -> float:
        """The threshold of the highest figure among a hundred that divide the scores evenly."""
        scores, _ = judged(chains)
        candidates = np.unique(np.quantile(scores, np.linspace(0, 1, 101)))
        return float(max(candidates, key=lambda threshold: self(chains, threshold)))


def _steps(chain: ScoredChain, threshold: float) -> Floats:
    """How many judged steps are right and called so, wrong and called right, right and called wrong, neither."""
    said = [(x > 0, s >= threshold) for s, x in zip(chain.scores, chain.labels, strict=True) if x == x]
    return np.array([said.count(pair) for pair in ((True, True), (False, True), (True, False), (False, False))], float)


def _macro(counts: Floats) -> Floats:
    right, made_up, missed, wrong = np.moveaxis(counts, -1, 0)
    return (_f1(right, made_up + missed) + _f1(wrong, made_up + missed)) / 2


def _f1(hits: Floats, errors: Floats) -> Floats:
    return 2 * hits / np.maximum(2 * hits + errors, 1)


def _errors(chain: ScoredChain, threshold: float) -> Floats:
    """Of a chain with an error, whether it is found, and 1; of one without, whether none is made up, and 1."""
    wrong, said = _first(chain.labels, lambda x: x == 0), _first(chain.scores, lambda x: x < threshold)
    pair = [float(wrong == said), 1.0]
    return np.array([0.0, 0.0, *pair] if wrong is None else [*pair, 0.0, 0.0])


def _harmonic(counts: Floats) -> Floats:
    found, with_error, kept, without = np.moveaxis(counts, -1, 0)
    one: Floats = found / np.maximum(with_error, 1)
    other: Floats = kept / np.maximum(without, 1)
    return np.asarray(2 * one * other / np.maximum(one + other, 1e-12))


macro_f1 = Figure("macro-F1 over steps", _steps, _macro)
"""The mean of the F1 of right steps and that of wrong ones, over all judged steps of all chains together, as
VisualProcessBench counts it (Wang et al. 2025, arXiv:2503.10291)."""

first_error_f1 = Figure("F1 of the first error", _errors, _harmonic)
"""The harmonic mean of the accuracies on chains with an error, whose first step below the threshold must be the first
wrong one, and on chains without, which must have none (ProcessBench, Zheng et al. 2024, arXiv:2412.06559)."""

FIGURES = {"macro_f1": macro_f1, "first_error": first_error_f1}


def auroc(chains: Sequence[ScoredChain]) -> float:
    """How often a right step scores above a wrong one, over all judged steps; NaN where all are of one kind."""
    from sklearn.metrics import roc_auc_score  # here: configs that are only printed name this, and it takes long

    scores, right = judged(chains)
    return float(roc_auc_score(right, scores)) if len(set(right.tolist())) == 2 else float("nan")


def judged(chains: Sequence[ScoredChain]) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores and truth values of all judged steps."""
    pairs = [(s, x) for chain in chains for s, x in zip(chain.scores, chain.labels, strict=True) if x == x]
    return np.array([s for s, _ in pairs]), np.array([x > 0 for _, x in pairs])


def _first(values: Sequence[float], test: Callable[[float], bool]) -> int | None:
    return next((i for i, value in enumerate(values) if test(value)), None)
