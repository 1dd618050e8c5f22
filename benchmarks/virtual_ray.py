"""A cluster on a virtual clock that stands in for Ray, so that `lit_mstar.cluster.pull` itself is what is simulated.

It has what Pull calls: `wait`, `get`, `kill`, `nodes`, and handles with `exchange`, `about`, `drop`. A machine has one
replica; a call is answered when there is something to say. Seconds are made up, so a night of 512 machines takes some.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

from engine_model import Decoded, Engine

from lit_mstar.cluster import pull
from lit_mstar.cluster.worker import Fetched, releases


class ActorError(Exception):
    """As Ray's, of an actor that is not there."""


class TaskError(Exception):
    """As Ray's, of an error in an actor; never raised here."""


class Ref:
    """What a call returns: later it has an answer."""

    def __init__(self) -> None:
        self.there = False
        self.answer: Any = None

    def resolve(self, answer: Any) -> None:
        self.there, self.answer = True, answer


class World:
    """The clock, what happens when, and which machines are there."""

    def __init__(self) -> None:
        self.now = 0.0
        self.nodes: set[str] = set()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = count()

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Has something happen."""
        heapq.heappush(self._events, (when, next(self._count), what))

    def wait(self, refs: Sequence[Ref], num_returns: int, timeout: float) -> tuple[list[Ref], list[Ref]]:
        """As `ray.wait`; the time passes until enough have answered, or it has passed."""
        until = self.now + timeout
        self._happen(self.now)
        while sum(ref.there for ref in refs) < num_returns and self._events and self._events[0][0] <= until:
            self._happen(self._events[0][0])
        ready = [ref for ref in refs if ref.there]
        if len(ready) < num_returns:
            self.now = until
        return ready, [ref for ref in refs if not ref.there]

    def _happen(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            when, _, what = heapq.heappop(self._events)
            self.now = max(self.now, when)
            what()

    @contextmanager
    def as_ray(self) -> Iterator[None]:
        """In this block, Ray is this world, and Pull's clock its own."""
        ray = ModuleType("ray")
        errors = SimpleNamespace(RayActorError=ActorError, RayTaskError=TaskError)
        vars(ray).update(wait=self.wait, get=_get, exceptions=errors, kill=Machine.kill)
        vars(ray).update(nodes=lambda: [{"NodeID": node, "Alive": True} for node in self.nodes])
        clock = SimpleNamespace(monotonic=lambda: self.now)
        real = sys.modules.get("ray")
        sys.modules["ray"] = ray  # and nothing else: patch.dict would take out what is imported meanwhile
        try:
            with patch.object(pull, "time", clock):
                yield
        finally:
            if real is None:
                del sys.modules["ray"]
            else:
                sys.modules["ray"] = real


class Machine:
    """A machine with a replica, and the handle of it.

    Args:
        world: Where it is.
        name: Whose.
        engine: What decodes.
        speed: 1/3 for a straggler.
        start: Seconds from when it is there until its engine can work.
    """

    def __init__(self, world: World, name: str, engine: Engine, speed: float, start: float) -> None:
        self.world, self.name, self.engine, self.speed, self.start = world, name, engine, speed, start
        self.up: list[list[float]] = []  # [since when it could work, until when]
        self.wasted, self.longest, self.idle_since = 0.0, 0.0, 0.0
        self._lives, self._free = 0, 0.0  # so often it was there; when its engine is
        self._here = False
        self._asked: Ref | None = None
        self._coming: list[Ref] = []
        self._found = Fetched()
        self._pieces: list[tuple[float, Decoded, list[list[int]]]] = []
        self.exchange = SimpleNamespace(remote=self._exchange)
        self.about = SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._about))
        self.drop = SimpleNamespace(remote=lambda run: None)

    @property
    def node(self) -> str:
        return f"{self.name}, life {self._lives}"

    def arrive(self) -> None:
        """The machine is there, and its engine starts."""
        self._here, self._lives = True, self._lives + 1
        self._free = self.world.now + (self.start if self.world.now else 0.0)
        self.up.append([self._free, float("inf")])
        self.world.nodes.add(self.node)
        for ref in self._coming:
            ref.resolve(self._described())
        self._coming = []

    def leave(self) -> None:
        """The machine is gone; what it had not finished was for nothing."""
        self.world.nodes.discard(self.node)
        self._here, self.up[-1][1] = False, max(self.up[-1][0], self.world.now)
        for begun, decoded, piece in self._pieces:
            after = self.world.now - begun
            kept = sum(sum(p) for p, end in zip(piece, decoded.finished, strict=True) if end <= after)
            self.wasted += max(0.0, decoded.tokens(after) - kept) if 0 < after < decoded.seconds else 0.0
        self._pieces, self._found = [], Fetched()
        if self._asked:
            asked, self._asked = self._asked, None
            asked.resolve(ActorError(f"{self.name} is gone"))

    def kill(self) -> None:
        """As `ray.kill`; nobody asks it again."""

    def _about(self) -> Ref:
        ref = Ref()
        if self._here:
            ref.resolve(self._described())
        else:
            self._coming.append(ref)
        return ref

    def _described(self) -> dict[str, str]:
        return {"node": self.node, "host": self.name, "process": str(self._lives)} | releases()

    def _exchange(self, run: str, work: Any, pieces: Sequence[Sequence[tuple[int, list[int]]]]) -> Ref:
        asked = Ref()
        if not self._here:
            asked.resolve(ActorError(f"{self.name} is not there"))
            return asked
        self._asked = asked
        for piece in pieces:
            self._serve(piece)
        self._say()
        return asked

    def _serve(self, piece: Sequence[tuple[int, list[int]]]) -> None:
        begun = max(self.world.now, self._free)
        decoded = self.engine.decode([lengths for _, lengths in piece], self.speed)
        self._pieces.append((begun, decoded, [lengths for _, lengths in piece]))
        self._free = self.idle_since = begun + decoded.seconds
        self.longest = max(self.longest, decoded.seconds)
        life = self._lives
        self.world.at(begun, lambda: self._tell(life, None))
        for (place, lengths), end in zip(piece, decoded.finished, strict=True):
            self.world.at(begun + end, lambda r=(place, lengths): self._tell(life, r))

    def _tell(self, life: int, result: tuple[int, list[int]] | None) -> None:
        if life != self._lives or not self._here:
            return
        self._found.began = True
        self._found.results += [result] if result else []
        self._say()

    def _say(self) -> None:
        if self._asked and self._found.began:
            self._asked.resolve(self._found)
            self._asked, self._found = None, Fetched()


def _get(ref: Ref) -> Any:
    if isinstance(ref.answer, Exception):
        raise ref.answer
    return ref.answer
