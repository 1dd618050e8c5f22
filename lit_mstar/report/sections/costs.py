"""What a run cost: seconds by stage and phase, and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

from lit_mstar.report.run import Run, Stage
from lit_mstar.report.tally import Tally

_SECONDS = re.compile(r"speed/(.+)_seconds|seconds/(.+)")  # the second in runs of 0.1


class Part(NamedTuple):
    """A part of a whole: its name, its amount, its share."""

    name: str
    amount: str
    share: float


def stage_times(run: Run) -> list[Part]:
    """Seconds of each complete stage (of its last process, where it was interrupted)."""
    return _parts({stage.name: float(stage.summary["seconds"]) for stage in run.stages if "seconds" in stage.summary})


def phase_times(stage: Stage | None) -> list[Part]:
    """Seconds of each phase of a stage, as far as TensorBoard was told."""
    return _parts(dict(_phases(stage))) if stage is not None else []


def tokens(found: Sequence[Tally]) -> list[Part]:
    """Tokens sampled for training, and those of them that were learned from."""
    sampled, learned = sum(t.tokens for t in found), sum(t.learned for t in found)
    if not sampled:
        return []
    return [
        Part("sampled for training", f"{sampled:,}", 1.0),
        Part("learned from", f"{learned:,}", learned / sampled),
    ]


def duration(seconds: float) -> str:
    """A time, for people."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if minutes < 100 else f"{hours:.1f} h"


def _parts(seconds: dict[str, float]) -> list[Part]:
    whole = sum(seconds.values())
    return [Part(name, duration(took), took / whole) for name, took in seconds.items() if whole]


def _phases(stage: Stage) -> Iterator[tuple[str, float]]:
    if not any(stage.folder.glob("events.out.tfevents.*")):
        return
    events = EventAccumulator(str(stage.folder), size_guidance={SCALARS: 0})
    events.Reload()
    for tag in events.Tags()[SCALARS]:
        if phase := _SECONDS.fullmatch(tag):
            by_step = {event.step: event.value for event in events.Scalars(tag)}  # one that was done again counts once
            yield phase[1] or phase[2], sum(by_step.values())
