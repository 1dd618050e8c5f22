from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from lit_mstar.randomness import random_state, recall_random_state, remember_random_states, set_random_state


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
