"""Work that whoever is free takes: the longest first, in pieces that get smaller; what a dead actor had goes to others.

Of what an actor had, only what was not finished is done again. Where the machine is there and the process is gone, what
it was working on may be to blame: it is done again in smaller pieces, until the item is found that ends processes.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any
from uuid import uuid4

from lit_mstar.cluster.crew import Crew
from lit_mstar.cluster.member import Member
from lit_mstar.cluster.worker import Fetched, Work, emptied

_CUT = 8  # parts that suspects are cut into, ours
_SHARES = 6  # pieces that each actor's part of what is left makes, ours: fewer, and who has the longest ends last
_LEAST = 1 / 8  # of `at_once`, ours: smaller pieces leave an engine half empty


class Lost:
    """In place of the result of an item that was set aside.

    Args:
        why: What was seen.
    """

    def __init__(self, why: str) -> None:
        self.why = why


class Pull:
    """One work over many items; iterate over it: (position, result) in any order, `Lost` in place of some.

    It waits for the first actor as long as the cluster's patience lasts.

    Args:
        crew: Who works.
        work: What is done.
        items: With what, those that take longest first; each is taken when its turn comes, and once more where an
            actor has died.
        at_once: Most items of a piece.
    """

    def __init__(self, crew: Crew, work: Work, items: Sequence[Any], at_once: int) -> None:
        self.crew = crew
        self.work = work
        self.items = items
        self.at_once = at_once
        self.run = uuid4().hex
        self._next = 0  # the first item that nobody has had
        self._again: deque[list[int]] = deque()  # pieces that somebody has had
        self._had: dict[Member, list[dict[int, None]]] = {member: [] for member in crew.members}
        self._asked: dict[Any, Member] = {}
        self._began: set[Member] = set()
        self._blame: Counter[int] = Counter()
        self._left = len(items)
        self._since = time.monotonic()  # when somebody was last seen alive

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        import ray

        try:
            while self._left:
                busy = set(self._asked.values())
                for member in self.crew.members:
                    if member.alive and member not in busy:
                        self._ask(member)
                coming = {m.coming: m for m in self.crew.members if m.coming is not None}
                waiting = [*self._asked, *coming]
                ready, _ = ray.wait(waiting, num_returns=1, timeout=1.0)
                if ready:  # and whatever else is
                    ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0)
                for answer in ready:
                    if answer in coming:
                        coming[answer].arrive()
                        self._began.discard(coming[answer])  # its tool is a new one
                    else:
                        yield from self._take(answer)
                self._watch()
        finally:
            for member in self._asked.values():
                member.handle.drop.remote(self.run)

    def _watch(self) -> None:
        if any(member.alive for member in self.crew.members):
            self._since = time.monotonic()
        else:
            self.crew.require_hope(self._since)

    def _ask(self, member: Member) -> None:
        """Gives an actor that is all but done another piece, and asks for what it has done.

        The first piece is empty, for the tool to get ready: who takes a minute to load keeps nothing from others.
        """
        had, ready = self._had[member], member in self._began
        suspected = any(self._blame[place] for piece in had for place in piece)
        piece = self._piece(alone=not had) if ready and sum(map(len, had)) <= 1 and not suspected else []
        if piece:
            had.append(dict.fromkeys(piece))
        if ready and not had:
            return
        items, refs = emptied([self.items[place] for place in piece])
        given = [list(zip(piece, items, strict=True))] if piece or not ready else []
        asked = member.handle.exchange.remote(self.run, self.work if given else None, given, *refs)
        self._asked[asked] = member

    def _piece(self, alone: bool) -> list[int]:
        """What comes next, what somebody has had first; the less is left, the less of it.

        Suspects go only where nothing else is, so that the next death tells more.
        """
        alive = sum(member.alive for member in self.crew.members)
        left = len(self.items) - self._next + sum(map(len, self._again))
        size = ceil(min(self.at_once, max(left / (_SHARES * max(1, alive)), self.at_once * _LEAST)))
        if not self._again or (self._blame[self._again[0][0]] and not alone):
            start, self._next = self._next, min(len(self.items), self._next + size)
            return list(range(start, self._next))
        piece = self._again.popleft()
        if piece[size:]:
            self._again.appendleft(piece[size:])
        return piece[:size]

    def _take(self, answer: Any) -> Iterator[tuple[int, Any]]:
        import ray

        member = self._asked.pop(answer)
        try:
            found: Fetched = ray.get(answer)
        except ray.exceptions.RayTaskError as error:  # first: what an actor says of another's death is both
            raise error.as_instanceof_cause() from None  # type: ignore[no-untyped-call]
        except ray.exceptions.RayActorError as error:
            yield from self._died(member, error)
            return
        for text in dict.fromkeys(found.said):
            warnings.warn(text, stacklevel=2)
        if found.began:
            self._began.add(member)
        for place, result in found.results:
            for piece in self._had[member]:
                if place in piece:
                    del piece[place]
                    self._left -= 1
                    yield place, result
        self._had[member] = [piece for piece in self._had[member] if piece]

    def _died(self, member: Member, error: Exception) -> Iterator[tuple[int, Any]]:
        """What it had goes back, and is suspect, unless its tool was not ready or its machine is gone as well.

        All of it: what is done and not fetched is not told from what was begun.
        """
        had = [place for piece in self._had[member] for place in piece]
        self._had[member] = []
        began, self._began = member in self._began, self._began - {member}
        member.lost(error, ready=began)
        if began and had and not member.machine_left():
            yield from self._suspect(had)
        elif had:
            self._again.append(had)

    def _suspect(self, had: list[int]) -> Iterator[tuple[int, Any]]:
        self._blame.update(had)
        if len(had) == 1 and self._blame[had[0]] >= self.crew.cluster.tries:
            self._left -= 1
            yield had[0], Lost(f"{self._blame[had[0]]} processes ended while they worked on it")
            return
        size = -(-len(had) // _CUT)
        self._again.extend(had[start : start + size] for start in range(0, len(had), size))
