"""What a run is doing: named phases, one within another, with the seconds that each takes and a bar for each."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

Advance = Callable[[int], None]


class Clock:
    """Seconds by phase; a phase within another takes its time from it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = now()

    def enter(self, phase: str) -> None:
        """Begins a phase."""
        self._count()
        self._open.append(phase)

    def leave(self) -> None:
        """Ends the phase that began last."""
        self._count()
        self._open.pop()

    def take(self) -> dict[str, float]:
        """The seconds of each phase since the last time, in the order in which phases were first seen."""
        self._count()
        taken = {phase: seconds for phase, seconds in self.seconds.items() if seconds}
        self.seconds.clear()
        return taken

    def _count(self) -> None:
        now = self.now()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


@contextmanager
def phase(trainer: Any, name: str, total: int, unit: str = "problems", detail: str = "") -> Iterator[Advance]:
    """Work that Lightning's loops know nothing of: shown where the trainer's progress bar shows phases.

    Args:
        trainer: A Lightning trainer.
        name: "sampling", "scoring", …; times are counted by it.
        total: How much there is to do.
        unit: Of what.
        detail: Shown behind the name.

    Yields:
        To be called with the number of units that are done.
    """
    bar: Any = getattr(trainer, "progress_bar_callback", None)
    with bar.phase(name, total, unit, detail) if hasattr(bar, "phase") else nullcontext(_nothing) as advance:
        yield advance


def _nothing(number: int) -> None:
    """Where nobody looks."""
