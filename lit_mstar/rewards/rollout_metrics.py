"""What an iteration's rollouts are like: how many are right and kept, and whether the chains behind them are true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from statistics import fmean

from lit_mstar.rewards.selection import AllCorrect
from lit_mstar.rollouts.nouns import Judge, Rollout
from lit_mstar.rollouts.tensors import distinctness, faithful

Tally = Counter[tuple[str, float | None]]
"""How often something was seen: what it is, and which value it had; None for those without, or a verdict unknown."""


def tally(rollouts: Iterable[Rollout], judge: Judge, first: int | None = None) -> Tally:
    """Counts what `rollout_metrics` needs, in one pass: rollouts may be on disk.

    Args:
        rollouts: Marked and selected.
        judge: Says which steps are true.
        first: Of how many of a problem's responses `share_correct`, `distinct` and `mean_steps` are, where later ones
            were only drawn if these were wrong; None for all.
    """
    counts: Tally = Counter()
    for rollout in rollouts:
        begun = Rollout(problem=rollout.problem, responses=rollout.responses[:first])  # what every problem has
        for name, count in _counts(rollout).items():
            counts[name, None] += count
        for name, count in _counts(begun).items():
            counts[f"first {name}", None] += count
        counts["distinct", distinctness(begun)] += 1
        counts.update(_verdicts(rollout, judge))
    return counts


def rollout_metrics(tallies: Iterable[Tally]) -> dict[str, float]:
    """The numbers that `TrainingDynamics` lists, of rollouts that may have been counted in several parts.

    Raises:
        ZeroDivisionError: If there is no response.
    """
    counts: Tally = sum(tallies, Counter())
    metrics: dict[str, float] = {name: counts[name, None] for name in ("sampled", "correct", "kept", "cut")}
    metrics["share_kept"] = counts["kept", None] / counts["sampled", None]
    metrics["distinct"] = _mean(counts, "distinct")
    metrics["mean_steps"] = counts["first steps", None] / counts["first sampled", None]
    if counts["first known", None]:
        metrics["share_correct"] = counts["first correct", None] / counts["first known", None]
    for name in ("faithful_correct", "faithful_kept"):
        if any(key == name for key, _ in counts) and (name, None) not in counts:  # nobody can judge one of the chains
            metrics[name] = _mean(counts, name)
    return metrics


def _mean(counts: Tally, name: str) -> float:
    """Of the values under a name; the same in any order, as `fmean` rounds only once."""
    seen = Counter({value: count for (key, value), count in counts.items() if key == name and value is not None})
    return fmean(seen.elements())


def _counts(rollout: Rollout) -> dict[str, int]:
    return {
        "sampled": len(rollout.responses),
        "known": sum(response.correct is not None for response in rollout.responses),
        "correct": sum(response.correct is True for response in rollout.responses),
        "kept": len(rollout.selected),
        "cut": sum(response.finish_reason == "length" for response in rollout.responses),
        "steps": sum(len(response.steps) for response in rollout.responses),
    }


def _verdicts(rollout: Rollout, judge: Judge) -> Iterator[tuple[str, bool | None]]:
    """Whether each chain is faithful; it is judged once, though it may be in both groups."""
    groups = {"faithful_correct": AllCorrect()(rollout), "faithful_kept": rollout.selected}
    true = {i: faithful(rollout.problem, rollout.responses[i], judge) for i in {*chain(*groups.values())}}
    return ((name, true[i]) for name, chosen in groups.items() for i in chosen)
