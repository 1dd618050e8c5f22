"""The trainer's processes, as engines see them: how many, which, and what one of them does for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch.distributed as dist

T = TypeVar("T")


def ranks() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is."""
    return dist.get_rank() if ranks() > 1 else 0


def on_rank_zero(action: Callable[[], T]) -> T:
    """Runs `action` on rank zero; every rank must call it, and gets its value.

    Raises:
        RuntimeError: On every rank, if it failed there; alone, a process gets the error itself.
    """
    if ranks() == 1:
        return action()
    said: list[Any] = [None, ""]
    if rank() == 0:
        try:
            said[0] = action()
        except Exception as error:
            said[1] = f"{type(error).__name__}: {error}"
    dist.broadcast_object_list(said)
    if said[1]:
        raise RuntimeError(said[1])
    return cast(T, said[0])
