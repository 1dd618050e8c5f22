"""What an iteration's rollouts are like: how many are right and kept, and whether the chains behind them are true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from statistics import fmean

from lit_mstar.rewards.selection import AllCorrect
from lit_mstar.rollouts.nouns import Judge, Rollout
from lit_mstar.rollouts.tensors import distinctness, faithful

_Verdicts = dict[str, list[bool | None]]


def rollout_metrics(rollouts: Iterable[Rollout], judge: Judge, first: int | None = None) -> dict[str, float]:
    """The numbers that `TrainingDynamics` lists, in one pass: rollouts may be on disk.

    Args:
        rollouts: Marked and selected.
        judge: Says which steps are true.
        first: Of how many of a problem's responses `share_correct`, `distinct` and `mean_steps` are, where later ones
            were only drawn if these were wrong; None for all.

    Raises:
        ZeroDivisionError: If there is no response.
    """
    counts: Counter[str] = Counter()
    start: Counter[str] = Counter()  # of what every problem has
    distinct: list[float] = []
    verdicts: _Verdicts = {"faithful_correct": [], "faithful_kept": []}
    for rollout in rollouts:
        counts.update(_counts(rollout))
        begun = Rollout(problem=rollout.problem, responses=rollout.responses[:first])
        start.update(_counts(begun))
        distinct.append(distinctness(begun))
        for name, found in _verdicts(rollout, judge).items():
            verdicts[name] += found
    metrics: dict[str, float] = {name: counts[name] for name in ("sampled", "correct", "kept", "cut")}
    metrics["share_kept"] = counts["kept"] / counts["sampled"]
    metrics["distinct"] = fmean(distinct)
    metrics["mean_steps"] = start["steps"] / start["sampled"]
    if start["known"]:
        metrics["share_correct"] = start["correct"] / start["known"]
    return metrics | _shares(verdicts)


def _counts(rollout: Rollout) -> dict[str, int]:
    return {
        "sampled": len(rollout.responses),
        "known": sum(response.correct is not None for response in rollout.responses),
        "correct": sum(response.correct is True for response in rollout.responses),
        "kept": len(rollout.selected),
        "cut": sum(response.finish_reason == "length" for response in rollout.responses),
        "steps": sum(len(response.steps) for response in rollout.responses),
    }


def _verdicts(rollout: Rollout, judge: Judge) -> _Verdicts:
    """Whether each chain is faithful; it is judged once, though it may be in both groups."""
    groups = {"faithful_correct": AllCorrect()(rollout), "faithful_kept": rollout.selected}
    true = {i: faithful(rollout.problem, rollout.responses[i], judge) for i in {*chain(*groups.values())}}
    return {name: [true[i] for i in chosen] for name, chosen in groups.items()}


def _shares(verdicts: _Verdicts) -> dict[str, float]:
    """A share is left out where there is no such chain or nobody can judge one of them."""
    known = {name: found for name, found in verdicts.items() if found and None not in found}
    return {name: fmean(verdict is True for verdict in found) for name, found in known.items()}
