"""Scorers on the same responses: what each would have made of them, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from statistics import fmean
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from lit_mstar.evaluation.intervals import difference_interval, mean_interval
from lit_mstar.rewards.aggregation import Aggregation, aggregate
from lit_mstar.rewards.selection import TopK
from lit_mstar.rollouts.nouns import Judge, Rollout
from lit_mstar.rollouts.tensors import faithful

Figures = dict[str, Any]


def with_scores(
    rollouts: Sequence[Rollout], scores: Sequence[Sequence[list[float]]], way: Aggregation
) -> list[Rollout]:
    """Copies of rollouts with other scores, a number for each step of each response."""
    return [
        replace(
            rollout,
            responses=[
                replace(response, step_scores=steps, score=aggregate(steps, way))
                for response, steps in zip(rollout.responses, of_rollout, strict=True)
            ],
        )
        for rollout, of_rollout in zip(rollouts, scores, strict=True)
    ]


def compare_scorers(scored: Mapping[str, Sequence[Rollout]], judge: Judge, k: int = 2) -> dict[str, Figures]:
    """Each scorer's figures, and their difference from the first one's, with 95% intervals over problems.

    - `best_of_n`: whether the response that scores highest is right.
    - `faithful`: the share of the k correct responses that score highest whose steps are all true, where the judge can
      tell and there are more than k.
    - `step_auroc`: how often a true step scores above an untrue one.
    - `agrees`: Spearman's rank correlation of responses' scores with the first scorer's, the mean over problems.

    Args:
        scored: The same marked responses, scored by each, by name.
        judge: Which steps are true; None where it cannot tell.
        k: How many training would keep.
    """
    first = next(iter(scored))
    columns = {name: _columns(rollouts, judge, k) for name, rollouts in scored.items()}
    found: dict[str, Figures] = {}
    for name, rollouts in scored.items():
        figures: Figures = {}
        for what, values in columns[name].items():
            known = [i for i, value in enumerate(values) if value is not None]
            if not known:
                continue
            ids = [rollouts[i].problem.id for i in known]
            figures[what] = asdict(mean_interval([values[i] for i in known], ids))
            if name != first:
                base = [columns[first][what][i] for i in known]
                figures[what]["difference"] = asdict(difference_interval(base, [values[i] for i in known], ids))
        figures["step_auroc"] = _auroc(rollouts, judge)
        figures["agrees"] = _agreement(scored[first], rollouts)
        found[name] = figures
    return found


def _columns(rollouts: Sequence[Rollout], judge: Judge, k: int) -> dict[str, list[Any]]:
    """A number for each problem, or None, by figure."""
    best = [
        float(max(rollout.responses, key=lambda response: response.score or 0.0).correct is True)
        for rollout in rollouts
    ]
    return {"best_of_n": best, "faithful": [_faithful(rollout, judge, k) for rollout in rollouts]}


def _faithful(rollout: Rollout, judge: Judge, k: int) -> float | None:
    """Of the k that are kept; None where there is nothing to choose from, or nobody can tell."""
    distinct = {response.text for response in rollout.responses if response.correct is True}
    if len(distinct) <= k:
        return None
    verdicts = [faithful(rollout.problem, rollout.responses[i], judge) for i in TopK(k)(rollout)]
    return None if None in verdicts else fmean(verdict is True for verdict in verdicts)


def _auroc(rollouts: Sequence[Rollout], judge: Judge) -> float | None:
    scores, truth = [], []
    for rollout in rollouts:
        for response in rollout.responses:
            if (verdicts := judge(rollout.problem, response.steps)) is not None:
                scores += response.step_scores
                truth += verdicts
    return float(roc_auc_score(truth, scores)) if len(set(truth)) == 2 else None


def _agreement(first: Sequence[Rollout], other: Sequence[Rollout]) -> float | None:
    found = []
    for one, two in zip(first, other, strict=True):
        pair = [[response.score or 0.0 for response in rollout.responses] for rollout in (one, two)]
        if all(len(set(scores)) > 1 for scores in pair):
            found.append(float(spearmanr(*pair).statistic))
    return float(np.mean(found)) if found else None
