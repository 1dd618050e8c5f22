"""What runs in an actor: a tool, in a thread of its own, and the results that wait to be fetched."""

from __future__ import annotations

import platform
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Protocol
from uuid import uuid4

_PATIENCE = 10.0  # seconds that a fetch waits for a result before it returns without, ours


class Work(Protocol):
    """What is done with a tool; it travels to the actor."""

    def __call__(self, tool: Any, items: Sequence[Any], /) -> Iterable[tuple[int | None, Any]]:
        """Yields (None, None) when the tool is ready, then (position in `items`, result) in any order; none of none."""

    def size(self, result: Any, /) -> float:
        """How much work a result was, for what is shown: tokens."""


@dataclass(frozen=True)
class Parcel:
    """An item, and what lies in the object store for it: references in the driver, what they refer to in an actor.

    They travel beside it (`emptied`, `Worker.exchange`), so that a node that has something already is not sent it
    again, and nothing has to be waited for in the tool's thread.
    """

    content: Any
    store: tuple[Any, ...] = ()


def emptied(items: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Items as they travel, and all references of those that are parcels."""
    refs = [ref for item in items if isinstance(item, Parcel) for ref in item.store]
    return [replace(x, store=(None,) * len(x.store)) if isinstance(x, Parcel) else x for x in items], refs


@dataclass
class Fetched:
    """What an actor has to say since it was last asked.

    Args:
        results: (position, result).
        began: Whether the tool was ready and work has begun.
        said: Warnings.
    """

    results: list[tuple[int, Any]] = field(default_factory=list)
    began: bool = False
    said: list[str] = field(default_factory=list)


class Worker:
    """Holds a tool and works with it, one piece after the other; several processes may ask.

    Args:
        name: As it is shown.
        tool: A copy of what the driver made; what is heavy in it is made here, when it is first needed.
    """

    def __init__(self, name: str, tool: Any) -> None:
        self.name = name
        self.tool = tool
        self._process = uuid4().hex
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tool")  # the tool's own, whoever asks
        self._change = threading.Condition()
        self._found: defaultdict[str, Fetched] = defaultdict(Fetched)
        self._errors: dict[str, BaseException] = {}
        self._dropped: set[str] = set()

    def __repr__(self) -> str:
        return getattr(self, "name", type(self).__name__)  # for the dashboard and Ray's logs; asked before there is one

    def about(self) -> dict[str, str]:
        """Where it runs, as which process, and on what: the releases that must be the same everywhere."""
        import ray

        context = ray.get_runtime_context()
        where = {"node": str(context.get_node_id()), "host": platform.node(), "process": self._process}
        return where | releases()

    def once(self, work: Callable[[Any], Any]) -> Any:
        """Does one thing with the tool, after what it is doing."""
        return self._thread.submit(work, self.tool).result()

    def exchange(
        self, run: str, work: Work | None, pieces: Sequence[Sequence[tuple[int, Any]]], *values: Any
    ) -> Fetched:
        """Takes pieces of work and returns what is done; waits a while for a result where there is none yet.

        Args:
            run: Which work it belongs to, a name that no other has.
            work: What is to be done; None where there are no pieces.
            pieces: Of (position, item) each.
            values: What parcels among the items refer to, in their order: Ray brings it before it calls.
        """
        rest = iter(values)
        for piece in pieces:
            self._thread.submit(self._serve, run, work, [(place, _filled(item, rest)) for place, item in piece])
        with self._change:
            self._change.wait_for(lambda: run in self._found or run in self._errors, _PATIENCE)
            if (error := self._errors.pop(run, None)) is not None:
                raise error
            return self._found.pop(run, Fetched())

    def drop(self, run: str) -> None:
        """Forgets some work: whoever wanted it has no more use for it."""
        with self._change:
            self._dropped.add(run)
            self._found.pop(run, None)
            self._errors.pop(run, None)

    def _serve(self, run: str, work: Any, piece: Sequence[tuple[int, Any]]) -> None:
        if run in self._dropped:
            return
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                self._work(run, work, piece)
            for warning in said:
                self._tell(run, said=str(warning.message))
        except BaseException as error:  # also what ends a process elsewhere: here it ends the work
            with self._change:
                self._errors[run] = error
                self._change.notify_all()

    def _work(self, run: str, work: Work, piece: Sequence[tuple[int, Any]]) -> None:
        shown, left = _Speed(self.name, work), set(range(len(piece)))
        for place, result in work(self.tool, [item for _, item in piece]):
            if run in self._dropped:
                return
            if place is None:
                self._tell(run)
                continue
            left.remove(place)
            shown.add(result)
            self._tell(run, (piece[place][0], result))
        if left:
            raise RuntimeError(f"{work} gave no result for {len(left)} of {len(piece)} items.")

    def _tell(self, run: str, result: tuple[int, Any] | None = None, said: str = "") -> None:
        with self._change:
            found = self._found[run]
            found.began = True
            found.results += [result] if result else []
            found.said += [said] if said else []
            self._change.notify_all()


class _Speed:
    """How much is done per second, for Ray's dashboard."""

    def __init__(self, name: str, work: Any) -> None:
        from ray.util.metrics import Gauge

        self._gauge = Gauge("lit_mstar_per_second", "Tokens, or other results, per second", ("replica", "what"))
        self._gauge.set_default_tags({"replica": name, "what": str(work)})
        self._begun, self._amount, self._work = time.monotonic(), 0.0, work

    def add(self, result: Any) -> None:
        self._amount += self._work.size(result)
        self._gauge.set(self._amount / max(time.monotonic() - self._begun, 1e-3))


def _filled(item: Any, values: Iterator[Any]) -> Any:
    return replace(item, store=tuple(next(values) for _ in item.store)) if isinstance(item, Parcel) else item


def releases() -> dict[str, str]:
    """The releases that must be the same wherever a model is: of this library, and of those that compute."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    return found | {name: import_module(name).__version__ for name in ("lit_mstar", "torch", "transformers")}
