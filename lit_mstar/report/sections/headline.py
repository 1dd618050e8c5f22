"""The numbers at the top of the page, each with its interval where it is an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lit_mstar.evaluation.intervals import Interval, difference_interval, mean_interval
from lit_mstar.report.run import Run, Stage
from lit_mstar.report.tally import Tally
from lit_mstar.rollouts.nouns import Rollout


@dataclass(frozen=True)
class Card:
    """A number with what it is.

    Args:
        title: What is measured, on what.
        value: As it is shown.
        margin: Behind it, smaller.
        after: A second value, where there is a before and an after.
        after_margin: Behind that.
        notes: Lines below.
    """

    title: str
    value: str
    margin: str = ""
    after: str = ""
    after_margin: str = ""
    notes: Sequence[str] = field(default_factory=tuple)


def cards(run: Run, found: Sequence[Tally], tests: Sequence[tuple[Stage, Sequence[Rollout]]], valid: int) -> list[Card]:
    """Everything that the run has to show for itself.

    Args:
        run: The run.
        found: Its iterations.
        tests: What its stages answered to the test problems, in order.
        valid: How many validation problems there are; 0 where nobody knows.
    """
    made = [_accuracy(run, tests) or _validation(found, valid), _reward_model(run), _counts(found), _faithful(found)]
    return [card for card in made if card is not None]


def share(value: float) -> str:
    """A share, for people."""
    return f"{100 * value:.1f}%"


def margin(interval: Interval) -> str:
    """What lies on both sides of a value: the larger of the two where they differ."""
    return f"± {100 * max(interval.high - interval.value, interval.value - interval.low):.1f}"


def correct(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Which test problems were answered rightly, by id."""
    return {
        rollout.problem.id: float(rollout.responses[0].correct is True) for rollout in rollouts if rollout.responses
    }


def paired(first: Sequence[Rollout], second: Sequence[Rollout]) -> tuple[Interval, int, int] | None:
    """Second minus first on the problems of both, how many became right, how many wrong; None without any."""
    before, after = correct(first), correct(second)
    both = [name for name in before if name in after]
    if not both:
        return None
    values = [before[name] for name in both], [after[name] for name in both]
    gained = sum(b > a for a, b in zip(*values, strict=True))
    return difference_interval(*values, both), gained, sum(b < a for a, b in zip(*values, strict=True))


def mean(values: Sequence[float]) -> Interval:
    """The mean over problems that have nothing to do with each other."""
    return mean_interval(values, range(len(values)))


def _accuracy(run: Run, tests: Sequence[tuple[Stage, Sequence[Rollout]]]) -> Card | None:
    measured = [(stage, mean([*correct(rollouts).values()])) for stage, rollouts in tests if rollouts]
    if not measured:  # a run of before: the number alone is there
        told = [
            s
            for s in run.stages
            if {"test_accuracy", "test_problems"} <= s.summary.keys() and s.summary["test_problems"]
        ]
        measured = [(stage, mean(_as_values(stage.summary))) for stage in told]
    if not measured:
        return None
    (first, before), (last, after) = measured[0], measured[-1]
    title = f"test accuracy, {after.n:,} problems, greedy"
    if first is last:
        return Card(title, share(after.value), margin(after), notes=(f"after {last.name}",))
    notes = [f"{first.name} to {last.name}, ± 95% intervals"]
    of = {id(stage): rollouts for stage, rollouts in tests}
    if gap := paired(of.get(id(first), ()), of.get(id(last), ())):
        interval, gained, lost = gap
        notes.append(
            f"paired: {100 * interval.value:+.1f} points ({100 * interval.low:+.1f} to {100 * interval.high:+.1f}); "
            f"{gained} became right, {lost} became wrong"
        )
    return Card(title, share(before.value), margin(before), share(after.value), margin(after), notes)


def _as_values(summary: dict[str, Any]) -> list[float]:
    number = int(summary["test_problems"])
    right = round(summary["test_accuracy"] * number)
    return [1.0] * right + [0.0] * (number - right)


def _validation(found: Sequence[Tally], valid: int) -> Card | None:
    values = [t.metrics.get("greedy_accuracy") for t in found]
    known = [value for value in values if value is not None]
    if not known:
        return None
    ends = [margin(mean(_as_values({"test_problems": valid, "test_accuracy": v}))) if valid else "" for v in known]
    title = f"validation accuracy{f', {valid:,} problems' if valid else ''}, greedy"
    if len(known) == 1:
        return Card(title, share(known[0]), ends[0])
    return Card(title, share(known[0]), ends[0], share(known[-1]), ends[-1], ("first to last iteration so far",))


def _reward_model(run: Run) -> Card | None:
    found = [stage.summary for stage in run.stages if "step_auroc" in stage.summary]
    if not found:
        return None
    before, after = (
        [found[-1].get(f"{name}{end}") for name in ("step_auroc", "step_ece")] for end in ("", "_calibrated")
    )
    # Runs of before there was a calibration have one figure of each.
    auroc, error = (new if isinstance(new, float) else old for new, old in zip(after, before, strict=True))
    notes = [f"calibration error {error:.3f}"] if isinstance(error, float) else []
    if isinstance(after[0], float):
        notes.append(f"before calibration {before[0]:.3f}, error {before[1]:.3f}")
    return Card("process reward model, AUROC of steps", f"{auroc:.3f}", notes=tuple(notes))


def _counts(found: Sequence[Tally]) -> Card | None:
    sampled = sum(tally.sampled for tally in found)
    if not sampled:
        return None
    names = ("right", "kept", "cut", "unknown", "first", "first_right")
    right, kept, cut, unknown, first, first_right = (sum(getattr(tally, name) for tally in found) for name in names)
    of = "" if first == sampled else " of first waves"
    notes = [f"{right:,} right ({share(first_right / first)}{of})", f"{kept:,} learned from ({share(kept / sampled)})"]
    notes += [f"{number:,} {what}" for number, what in ((cut, "cut"), (unknown, "without a verdict")) if number]
    return Card("responses sampled", f"{sampled:,}", notes=notes)


def _faithful(found: Sequence[Tally]) -> Card | None:
    values = [t.metrics.get("faithful_kept") for t in found]
    known = [value for value in values if value is not None]
    if not known:
        return None
    notes = (f"{share(known[0])} in the first iteration; the least was {share(min(known))}",)
    return Card("kept chains that are true in every step, last iteration", share(known[-1]), notes=notes)
