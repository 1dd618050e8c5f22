"""A model of an inference engine and of how long responses are: arithmetic, for benchmarks/crew_simulation.py.

An engine decodes so many responses at once and makes so many tokens a second with all of them, in equal parts, but no
response is decoded faster than one alone. So it is not full while the last responses of a piece run out, and that
shows in the simulation, as it would on a GPU.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Lengths = list[int]  # tokens of each response to a problem


@dataclass(frozen=True)
class Engine:
    """What is assumed of one.

    Args:
        rate: Tokens per second in all; docs/scaling.md assumes so many of 8 billion weights on an 80 GB GPU.
        alone: Tokens per second of one response.
        at_once: Responses that are decoded together; vLLM's default.
    """

    rate: float = 2500.0
    alone: float = 80.0
    at_once: int = 256

    def decode(self, piece: Sequence[Lengths], speed: float = 1.0) -> Decoded:
        """When the problems of a piece are finished, each with its last response."""
        waiting = [(tokens, place) for place, lengths in enumerate(piece) for tokens in lengths][::-1]
        running: list[tuple[float, int]] = []  # (tokens of each at which it is done, problem)
        left = [len(lengths) for lengths in piece]
        now = each = done = 0.0  # seconds, tokens that a response from the beginning would have, tokens of all
        finished, times, totals = [0.0] * len(piece), [0.0], [0.0]
        while waiting or running:
            while waiting and len(running) < self.at_once:
                tokens, place = waiting.pop()
                heapq.heappush(running, (each + tokens, place))
            level, place = heapq.heappop(running)
            active = len(running) + 1
            now += (level - each) / (min(self.alone, self.rate / active) * speed)
            done += (level - each) * active
            each = level
            left[place] -= 1
            if not left[place]:
                finished[place] = now
            times.append(now)
            totals.append(done)
        return Decoded(finished, np.array(times), np.array(totals))


@dataclass(frozen=True)
class Decoded:
    """A piece in an engine: when each problem is finished, and how many tokens there are at what time."""

    finished: list[float]
    times: np.ndarray
    totals: np.ndarray

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return float(self.times[-1])

    def tokens(self, after: float) -> float:
        """What is decoded after some seconds."""
        return float(np.interp(after, self.times, self.totals))


def drawn_lengths(problems: int, n: int, draw: np.random.Generator) -> tuple[list[Lengths], list[float]]:
    """Lengths of all responses, and what an earlier iteration would say of each problem: its mean, drawn anew.

    Lognormal: 300 tokens in the mean; a problem's own length varies by 0.4, responses to it by 0.3, on the scale of the
    logarithm; cut at 1,024.
    """
    own = np.log(300) - 0.4**2 / 2 - 0.3**2 / 2 + 0.4 * draw.standard_normal(problems)

    def some() -> np.ndarray:
        lengths = np.exp(own[:, None] + 0.3 * draw.standard_normal((problems, n)))
        return np.clip(lengths.round(), 1, 1024).astype(int)

    return some().tolist(), some().mean(1).tolist()
