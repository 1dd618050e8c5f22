"""Random numbers: the state of every rank, in a checkpoint and back, and seeds for one purpose."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from lit_mstar.ranks import rank, ranks
from lit_mstar.training.division import gather

_KEY = "lit_mstar_random_states"


def derived_seed(key: str) -> int:
    """A seed of 48 bits for what the key says: other keys, other random numbers."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big")


@contextmanager
def own_random_numbers(seed: int) -> Iterator[None]:
    """Random numbers from a seed; afterwards all states are as before, so that what is around goes on unchanged."""
    state = random_state()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_random_state(state)


def remember_random_states(checkpoint: dict[str, Any]) -> None:
    """Writes the states of all ranks into a checkpoint; every rank must take part."""
    checkpoint[_KEY] = gather(random_state())


def recall_random_state(checkpoint: dict[str, Any]) -> dict[str, Any] | None:
    """This rank's state; None where the checkpoint has none, or was written by another number of ranks."""
    states = checkpoint.get(_KEY, [])
    return states[rank()] if len(states) == ranks() else None


def random_state() -> dict[str, Any]:
    """The states of torch (with CUDA), numpy and Python, as tensors and numbers only."""
    algorithm, keys, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "numpy": [str(algorithm), torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "python": random.getstate(),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Restores what `random_state` gave."""
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())
    algorithm, keys, *rest = state["numpy"]
    np.random.set_state((algorithm, keys.cpu().numpy().astype(np.uint32), *rest))
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
