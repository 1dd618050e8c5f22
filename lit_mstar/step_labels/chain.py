"""A chain that is being labelled: its prefixes, and which of them are drawn from next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lit_mstar.rollouts.nouns import Problem
from lit_mstar.step_labels.drawing import Drawing


@dataclass(eq=False)  # each is itself: the chains of a problem share those of equal prefixes
class Tally:
    """A prefix, and what became of completions from it.

    Args:
        problem: What it begins to answer.
        prefix: The beginning of the response.
        draws: How many there were.
        successes: How many of them reached the right answer.
    """

    problem: Problem
    prefix: str
    draws: int = 0
    successes: int = 0


class Chain:
    """The prefixes of a response, one per step.

    Args:
        tallies: Of its prefixes, in their order.
    """

    def __init__(self, tallies: Sequence[Tally]) -> None:
        self.tallies = list(tallies)
        self._alive = -1  # in a bisection, the last step that is known to succeed
        self._lost = len(self.tallies)  # the first step from which nothing succeeds, as far as is known

    @classmethod
    def of(cls, problem: Problem, prefixes: Sequence[str], tallies: dict[tuple[str, str], Tally]) -> Chain:
        """A chain whose prefixes are those in `tallies`, by problem and text, where they are there already."""
        return cls([tallies.setdefault((problem.id, prefix), Tally(problem, prefix)) for prefix in prefixes])

    def wanted(self, drawing: Drawing, most: int) -> Iterator[tuple[Tally, bool]]:
        """The prefixes to draw from next, and whether that is early: before it is known that the chain gets there."""
        if drawing.bisect:
            yield from self._halved(drawing, most)
            return
        for place, tally in enumerate(self.tallies):
            done = drawing.done(tally.successes, tally.draws, most)
            if not done:
                yield tally, False
            if tally.successes:  # whatever else comes of it, the chain is not lost here
                continue
            if done:
                self._lost = place
            else:
                later = self.tallies[place + 1 :]
                yield from ((other, True) for other in (later if drawing.ahead is None else later[: drawing.ahead]))
            return

    def _halved(self, drawing: Drawing, most: int) -> Iterator[tuple[Tally, bool]]:
        while self._lost - self._alive > 1:
            middle = (self._alive + self._lost) // 2
            tally = self.tallies[middle]
            if not drawing.done(tally.successes, tally.draws, most):
                yield tally, False
                return
            if tally.successes:
                self._alive = middle
            else:
                self._lost = middle

    def labels(self) -> tuple[list[float], list[int]]:
        """Labels and numbers of draws, one per step; a label that follows from another step's has no draws."""
        labels, draws = [], []
        for place, tally in enumerate(self.tallies):
            drawn = place == self._lost or (place < self._lost and tally.successes > 0)
            labels.append(tally.successes / tally.draws if drawn else float(place < self._lost))
            draws.append(tally.draws if drawn else 0)
        return labels, draws
