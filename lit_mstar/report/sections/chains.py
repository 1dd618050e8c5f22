"""What is kept against the other correct responses, and answers by vote, from the problems that are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lit_mstar.charts.curves import Curve
from lit_mstar.report.sections.chart import Chart, drawn
from lit_mstar.rewards.reranking import contrast
from lit_mstar.rewards.verification import accuracies
from lit_mstar.rollouts.nouns import Judge, Rollout

_VOTES = 400  # problems of an iteration whose responses vote, ours: answers are compared in pairs

# Measure: title, what it means, whether it is a share.
_CONTRASTS = {
    "steps": ("Steps", "in a chain", False),
    "tokens": ("Length", "tokens of a response", False),
    "faithful": ("Truth", "share of chains whose every step is true", True),
    "distinct": ("Difference within", "mean distance of two responses' words", False),
}
_WAYS = {"pass": "any of N", "majority": "majority", "best_of_n": "best of N", "weighted_vote": "weighted"}

ByIteration = Mapping[int, Sequence[Rollout]]


def contrasts(found: ByIteration, judge: Judge) -> list[Chart]:
    """Kept against other correct responses, a chart for each measure; only problems that have both."""
    measured = {index: contrast(rollouts, _kept, judge) for index, rollouts in found.items()}
    made = []
    for name, (title, note, percent) in _CONTRASTS.items():
        points = {index: row[name] for index, row in measured.items() if name in row}
        if points:
            lines = {
                "kept": Curve([*points], [kept for kept, _ in points.values()]),
                "other right": Curve([*points], [other for _, other in points.values()]),
            }
            made.append(drawn(title, note, lines, percent))
    return made


def votes(found: ByIteration) -> list[Chart]:
    """What N responses give by vote and by reward, by iteration."""
    ways: dict[str, dict[int, float]] = {}
    for index, rollouts in found.items():
        for way, accuracy in _voted(rollouts).items():
            ways.setdefault(way, {})[index] = accuracy
    lines = {label: Curve([*ways[way]], [*ways[way].values()]) for way, label in _WAYS.items() if way in ways}
    note = f"answers from all N responses, before they were learned from; at most {_VOTES} problems an iteration"
    return [drawn("Best of N against majority", note, lines)] if lines else []


def _kept(rollout: Rollout) -> list[int]:
    return [index for index in rollout.selected if rollout.responses[index].correct]


def _voted(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Accuracies with all N; nothing where responses have no verdict, or scores that cannot be weights."""
    known = [r for r in rollouts if r.responses and all(one.correct is not None for one in r.responses)]
    n = max((len(rollout.responses) for rollout in known), default=0)
    whole = [rollout for rollout in known if len(rollout.responses) == n][:_VOTES]
    usable: Callable[[Rollout], bool] = lambda r: all((one.score or 0.0) >= 0 for one in r.responses)  # noqa: E731
    if n < 2 or not all(map(usable, whole)):
        return {}
    return {way: by_size[n] for way, by_size in accuracies(whole, [n]).items()}
