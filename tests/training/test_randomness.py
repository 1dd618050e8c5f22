from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from lit_mstar.training.randomness import (
    derived_seed,
    own_random_numbers,
    random_state,
    recall_random_state,
    remember_random_states,
    set_random_state,
)


def draw() -> list[float]:
    return [
        random.random(),  # noqa: S311
        float(np.random.random()),
        float(np.random.standard_normal()),
        float(torch.rand(())),
    ]


def test_a_state_from_a_checkpoint_draws_the_same_numbers(tmp_path: Path):
    draw()
    checkpoint: dict[str, object] = {}
    remember_random_states(checkpoint)
    torch.save(checkpoint, tmp_path / "x.ckpt")
    wanted = [draw() for _ in range(3)]
    assert draw() not in wanted
    state = recall_random_state(torch.load(tmp_path / "x.ckpt", weights_only=True))
    assert state is not None
    set_random_state(state)
    assert [draw() for _ in range(3)] == wanted


def test_a_checkpoint_of_another_number_of_ranks_has_no_state_for_us():
    assert recall_random_state({}) is None
    assert recall_random_state({"lit_mstar_random_states": [random_state(), random_state()]}) is None


def test_seeds_are_derived_from_the_key_alone() -> None:
    assert derived_seed("abc") == 0xBA7816BF8F01  # the first six bytes of FIPS 180-2's digest of "abc"
    assert len({derived_seed(f"{i}") for i in range(1000)}) == 1000


def test_own_random_numbers_leave_no_trace_even_after_an_error() -> None:
    before = random_state()
    wanted = draw()
    set_random_state(before)
    found = []
    for _ in range(2):
        with suppress(ZeroDivisionError), own_random_numbers(7):
            found.append(draw()[-1])
            raise ZeroDivisionError
    assert found[0] == found[1]
    assert draw() == wanted
