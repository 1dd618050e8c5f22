"""The seam: who is called, with what, in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from lit_mstar import EvolutionCallback, Iteration
from lit_mstar.hooks import call_hook
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import make_trainer


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
