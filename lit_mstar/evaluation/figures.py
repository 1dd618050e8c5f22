"""From graded problems to figures: accuracy with its interval, in groups, and what several responses add."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import torch

from lit_mstar.evaluation.graded import Graded
from lit_mstar.evaluation.intervals import Interval, mean_interval, mean_of_means
from lit_mstar.rewards.estimators import pass_at_k

Figure = dict[str, Any]  # value, low, high, n, and what is beside them


def accuracy(problems: Sequence[Graded]) -> Figure:
    """The share of problems whose response is right, by the official rule and by ours.

    Args:
        problems: Of several responses, the mean over them counts.
    """
    figure = _figure(problems, lambda problem: fmean(problem.official))
    return figure | {"ours": fmean(fmean(problem.ours) for problem in problems)}


def circular(problems: Sequence[Graded], tag: str) -> Figure:
    """The share of questions of which all rotations are right.

    Args:
        problems: All rotations.
        tag: What the rotations of a question share.
    """
    by_question: dict[str, list[Graded]] = defaultdict(list)
    for problem in problems:
        by_question[problem.tags[tag]].append(problem)
    right = [float(all(all(p.official) for p in rows)) for rows in by_question.values()]
    ours = fmean(float(all(all(p.ours) for p in rows)) for rows in by_question.values())
    return asdict(mean_interval(right, list(by_question))) | {"ours": ours}


def by_groups(problems: Sequence[Graded], tags: Sequence[str]) -> dict[str, dict[str, Figure]]:
    """The accuracy of each value of some tags."""
    found: dict[str, dict[str, Figure]] = {}
    for tag in tags:
        groups: dict[str, list[Graded]] = defaultdict(list)
        for problem in problems:
            if tag in problem.tags:
                groups[problem.tags[tag]].append(problem)
        found[tag] = {value: accuracy(rows) for value, rows in sorted(groups.items())}
    return found


def shares(problems: Sequence[Graded]) -> dict[str, float | None]:
    """The shares of responses that have no answer and that were cut, and the mean number of tokens."""
    lengths = [length for problem in problems for length in problem.tokens if length is not None]
    return {
        "no_answer": 1 - fmean(x for problem in problems for x in problem.answered),
        "cut": fmean(x for problem in problems for x in problem.cut),
        "tokens": fmean(lengths) if lengths else None,
    }


def of_several(problems: Sequence[Graded]) -> dict[str, Figure]:
    """pass@k for k = 1, 2, 4, … N, the majority's answer, and the response that a PRM scores highest."""
    n = min(len(problem.official) for problem in problems)
    correct = torch.tensor([problem.official[:n] for problem in problems])
    ks = [k for k in (2**power for power in range(n.bit_length())) if k < n] + [n]
    found = {}
    for k in ks:
        chances = pass_at_k(correct, k).tolist()
        found[f"pass@{k}"] = _interval(problems, chances)
    found[f"majority@{n}"] = _figure(problems, lambda problem: float(problem.majority))
    if all(problem.best is not None for problem in problems):
        found[f"best-of-{n}"] = _figure(problems, lambda problem: float(problem.best is True))
    return found


def mean_of(results: Sequence[Mapping[str, Any]]) -> Figure | None:
    """The mean of benchmarks' accuracies, which weigh the same; None where nothing was asked."""
    found = [result["accuracy"] for result in results if result.get("accuracy")]
    return asdict(mean_of_means([Interval.of(figure) for figure in found])) if found else None


def _figure(problems: Sequence[Graded], value: Callable[[Graded], float]) -> Figure:
    return _interval(problems, [value(problem) for problem in problems])


def _interval(problems: Sequence[Graded], values: Sequence[float]) -> Figure:
    return asdict(mean_interval(values, [problem.cluster for problem in problems]))
