"""Dividing work over ranks: whoever is done takes more, and everybody ends with the same results.

Ranks have nothing to wait for while they work: a counter in the process group's store says which piece is next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

import torch.distributed as dist
from torch.distributed.distributed_c10d import _get_default_store

T = TypeVar("T")
K = TypeVar("K")


def ranks() -> int:
    """How many processes work together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is."""
    return dist.get_rank() if ranks() > 1 else 0


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
