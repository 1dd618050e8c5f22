"""The hooks: who is called, in which order, with what."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch import Callback
from scripted import make_policy, make_trainer, sums

from lit_mstar import EvolutionCallback, Iteration
from lit_mstar.hooks import call_hook
from lit_mstar.rollouts import SamplingParams

HOOKS = ("on_sampling_start", "on_rollouts_sampled", "on_iteration_end")


class Noting(EvolutionCallback):
    """Notes in the iteration that it was called."""

    def __init__(self, name: str) -> None:
        self.name = name

    def on_sampling_start(self, trainer, pl_module, iteration: Iteration) -> None:
        iteration.metrics[f"{len(iteration.metrics)}{self.name}"] = id(pl_module)

    on_rollouts_sampled = on_iteration_end = on_sampling_start


class Foreign(Callback):
    """A plain Lightning callback whose method happens to have a hook's name."""

    def on_sampling_start(self, *_: object) -> None:
        raise AssertionError


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_are_called_in_the_order_of_the_callbacks(tmp_path: Path, hook: str) -> None:
    trainer = make_trainer(tmp_path, callbacks=[Noting("b"), Foreign(), Noting("a")])
    policy = make_policy()
    trainer.strategy.connect(policy)
    iteration = Iteration(index=3, problems=sums(1), sampling=SamplingParams())
    call_hook(trainer, hook, iteration)
    assert list(iteration.metrics.items()) == [("0b", id(policy)), ("1a", id(policy))]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_does_nothing_by_default(tmp_path: Path, hook: str) -> None:
    trainer = make_trainer(tmp_path, callbacks=[EvolutionCallback()])
    trainer.strategy.connect(make_policy())
    problems = sums(2)
    iteration = Iteration(index=0, problems=list(problems), sampling=SamplingParams(n=3))
    call_hook(trainer, hook, iteration)
    assert iteration == Iteration(index=0, problems=problems, sampling=SamplingParams(n=3))


def test_an_error_in_a_hook_is_not_swallowed(tmp_path: Path) -> None:
    class Failing(EvolutionCallback):
        def on_iteration_end(self, *_: object) -> None:
            raise KeyError("mine")

    trainer = make_trainer(tmp_path, callbacks=[Failing()])
    with pytest.raises(KeyError, match="mine"):
        call_hook(trainer, "on_iteration_end", Iteration(index=0, problems=[], sampling=SamplingParams()))
