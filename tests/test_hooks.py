"""The seam: who is called, with what, in which order."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback

from lit_mstar import EvolutionCallback, Iteration
from lit_mstar.hooks import all_divisible, call_hook
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import make_trainer, sums


class Noting(EvolutionCallback):
    def __init__(self, name: str, notes: list[Any]) -> None:
        self.name, self.notes = name, notes

    @property
    def state_key(self) -> str:
        return self.name

    def on_sampling_start(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        self.notes.append((self.name, iteration))


def test_a_hook_reaches_every_evolution_callback_in_order_and_no_other(tmp_path: Path):
    notes: list[Any] = []
    callbacks = [Noting("a", notes), Callback(), Noting("b", notes)]
    trainer = make_trainer(tmp_path, callbacks=callbacks)
    iteration = Iteration(index=3, problems=[], sampling=SamplingParams())
    call_hook(trainer, "on_sampling_start", iteration)
    assert [name for name, _ in notes] == ["a", "b"]
    assert all(seen is iteration for _, seen in notes)
    call_hook(trainer, "on_iteration_end", iteration)  # not overridden: nothing happens
    assert len(notes) == 2


class Leaving(EvolutionCallback):
    def __init__(self, change: Callable[[Iteration], object]) -> None:
        self.change = change

    def on_sampling_start(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        self.change(iteration)


def left_by(change: Callable[[Iteration], object], folder: Path) -> Iteration:
    iteration = Iteration(index=0, problems=sums(1), sampling=SamplingParams())
    call_hook(make_trainer(folder, callbacks=[Leaving(change)]), "on_sampling_start", iteration)
    return iteration


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: setattr(it, "sampling", {"n": 2}), "made iteration.sampling {'n': 2}; it must be SamplingParams"),
        (lambda it: setattr(it, "sampling", None), "made iteration.sampling None"),
        (lambda it: it.problems.append("1 + 1?"), "put '1 + 1?' into iteration.problems"),
        (lambda it: it.metrics.update(kept="1"), "put '1' into iteration.metrics['kept']; it must be one number"),
        (lambda it: it.metrics.update(kept=None), "put None into"),
        (lambda it: it.metrics.update(kept=[1, 2]), "put [1, 2] into"),
        (lambda it: it.metrics.update(kept=torch.ones(3)), "put tensor([1., 1., 1.]) into"),
    ],
)
def test_what_nobody_could_use_is_refused_with_the_callback_s_name(
    change: Callable[[Iteration], object], said: str, tmp_path: Path
):
    with pytest.raises(ValueError, match=re.escape(f"Leaving.on_sampling_start has {said}")):
        left_by(change, tmp_path)


@pytest.mark.parametrize("value", [0.25, np.float32(0.25), torch.tensor(0.25), torch.tensor([0.25])])
def test_metrics_are_numbers_whatever_they_came_as(value: Any, tmp_path: Path):
    kept = left_by(lambda iteration: iteration.metrics.update(kept=value), tmp_path).metrics["kept"]
    assert type(kept) is float
    assert kept == 0.25
    count = left_by(lambda iteration: iteration.metrics.update(kept=7), tmp_path).metrics["kept"]
    assert type(count) is int


class Silent(EvolutionCallback):
    def on_sampling_start(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        pass


class Looking(EvolutionCallback):
    def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        pass


class Dividing(Looking):
    divisible = True


class Renamed(Dividing):
    """Writes no hook of its own."""


class Heir(Dividing):
    def on_iteration_end(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        pass


class Sometimes(Looking):
    divisible = True

    def __init__(self, divisible: bool) -> None:
        self.divisible = divisible


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [
        ([], True),
        ([Callback(), Silent()], True),
        ([Silent(), Looking()], False),
        ([Dividing(), Renamed()], True),
        ([Dividing(), Heir()], False),  # its parent knew nothing of its hook
        ([Sometimes(True)], True),
        ([Sometimes(False)], False),
    ],
)
def test_ranks_get_shares_if_all_who_see_rollouts_say_so(callbacks: list[Callback], expected: bool):
    assert all_divisible(SimpleNamespace(callbacks=callbacks)) is expected
