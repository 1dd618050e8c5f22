"""Processes that train together: how many they are, which one this is, what one of them does for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch.distributed as dist

T = TypeVar("T")


def ranks() -> int:
    """How many processes work together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is."""
    return dist.get_rank() if ranks() > 1 else 0


def on_rank_zero(action: Callable[[], T]) -> T:
    """Runs `action` on rank zero; every rank, which must call it, gets its value, or raises if it failed there."""
    if ranks() == 1:
        return action()
    said: list[Any] = [None, ""]
    failed: Exception | None = None
    if rank() == 0:
        try:
            said[0] = action()
        except Exception as error:
            failed, said[1] = error, f"{type(error).__name__}: {error}"
    dist.broadcast_object_list(said)
    if failed is not None:
        raise failed
    if said[1]:
        raise RuntimeError(said[1])
    return said[0]  # type: ignore[no-any-return]
