"""Dividing work over ranks: whoever is done takes more, and everybody ends with the same results.

Ranks have nothing to wait for while they work: a counter in the process group's store says which piece is next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch.distributed as dist
from torch.distributed.distributed_c10d import _get_default_store

from lit_mstar.ranks import rank, ranks
from lit_mstar.rollouts.nouns import Iteration

T = TypeVar("T")
K = TypeVar("K")
_PAUSE = 1.0  # seconds, the longest between two looks at whether rank 0 is done; ours


def take(pieces: Sequence[T], name: str, shared: bool = True) -> Iterator[T]:
    """Yields this rank's pieces; every rank must call it with the same ones.

    Args:
        pieces: The work, the longest first, so that ranks finish together.
        name: What tells this queue from all others of the process group's life.
        shared: Whoever is done takes the next piece. Otherwise pieces are dealt beforehand, which engines need
            that several ranks must call equally often.
    """
    if ranks() == 1 or not shared:
        yield from pieces[rank() :: ranks()]
        return
    store = _get_default_store()
    while (position := store.add(f"lit_mstar/{name}", 1) - 1) < len(pieces):
        yield pieces[position]


@contextmanager
def zero_alone(name: str, look: Callable[[], None]) -> Iterator[None]:
    """The others enter the block when rank 0 has left it.

    They wait without a collective: that would run into the process group's timeout, and sampling takes hours. Where
    rank 0 dies meanwhile, so does its store, or `peers.Watch` ends the others.

    Args:
        name: What tells this block from all others of the process group's life.
        look: Called now and then while a rank waits; ends the waiting by raising.

    Raises:
        RuntimeError: On the others, if rank 0 has left the block with an error.
    """
    if ranks() == 1:
        yield
    elif rank() == 0:
        left = "failed"
        try:
            yield
            left = "done"
        finally:
            _get_default_store().set(f"lit_mstar/{name}", left)
    else:
        _await_zero(f"lit_mstar/{name}", look)
        yield


def _await_zero(key: str, look: Callable[[], None]) -> None:
    store, pause = _get_default_store(), 0.01
    while not store.check([key]):
        look()
        time.sleep(pause)
        pause = min(2 * pause, _PAUSE)
    look()
    if store.get(key) != b"done":
        raise RuntimeError("Rank 0 has failed, and the others wait for what it does; its message says why.")


def scatter(pieces: Sequence[T]) -> T:
    """This rank's one of the pieces that rank 0 has, one for each; the others' are not looked at."""
    mine: list[Any] = [None]
    dist.scatter_object_list(mine, list(pieces) if rank() == 0 else None, src=0)
    return cast(T, mine[0])


def gather_to_zero(mine: T) -> list[T]:
    """On rank 0, what every rank has, in the order of ranks; on the others nothing."""
    found: list[Any] = [None] * ranks() if rank() == 0 else []
    dist.gather_object(mine, found or None, dst=0)
    return cast(list[T], found)


def parts(iteration: Iteration, mine: T) -> list[T]:
    """What each rank has found in its part of an iteration's rollouts, on every rank; all must call it.

    Of rollouts that all ranks have there is one part, this rank's.
    """
    return gather(mine) if iteration.divided else [mine]


def gather(mine: T) -> list[T]:
    """What every rank has, in the order of ranks, on every rank; between one's own processes only (it pickles)."""
    if ranks() == 1:
        return [mine]
    found: list[Any] = [None] * ranks()
    dist.all_gather_object(found, mine)
    return cast(list[T], found)


def gather_dict(mine: dict[K, T]) -> dict[K, T]:
    """What all ranks have, under its keys, on every rank; where several have a key, the last rank's."""
    return {key: value for part in gather(mine) for key, value in part.items()}


def grouped(pieces: Sequence[T], limit: int) -> list[list[T]]:
    """Pieces put together for the way to an engine: large groups first, for its sake, then ever smaller ones.

    Each group is half of what remains per rank (guided self-scheduling), and at most `limit`; for one rank, `limit`.
    """
    groups, start = [], 0
    while start < len(pieces):
        fair = len(pieces) - start if ranks() == 1 else -(-(len(pieces) - start) // (2 * ranks()))
        size = max(1, min(limit, fair))
        groups.append(list(pieces[start : start + size]))
        start += size
    return groups
