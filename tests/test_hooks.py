"""The seam: who is called, with what, in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback

from lit_mstar import EvolutionCallback, Iteration
from lit_mstar.callbacks import CorrectFilter, TemperatureBalancer, UnlabeledProblems
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.hooks import call_hook, check_hooks, check_order
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.training.trainer import MStarTrainer
from support.scripted import ListSource, make_evolver, make_policy, make_trainer, sums


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


class Choosing(EvolutionCallback):
    replaces_selection = True


class Amending(EvolutionCallback):
    amends_selection = True


class Other(Choosing):
    pass


def test_what_amends_a_selection_stands_below_what_replaces_it(tmp_path: Path):
    good = ([Choosing(), Amending()], [Amending()], [Choosing(), Other(), Amending()], [Callback(), Choosing()], [])
    for callbacks in good:
        check_order(make_trainer(tmp_path, callbacks=callbacks))
    with pytest.raises(ValueError, match="Amending stands above Choosing .*write Amending below Choosing"):
        check_order(make_trainer(tmp_path, callbacks=[Amending(), Choosing()]))
    first, second = Choosing(), Choosing()
    type(first).state_key = property(lambda self: str(id(self)))  # Lightning wants them told apart
    with pytest.raises(ValueError, match="Choosing is twice .* the second undoes the first"):
        check_order(make_trainer(tmp_path, callbacks=[first, second]))


def test_shipped_callbacks_in_the_wrong_order_are_refused_before_the_model_is_loaded(tmp_path: Path):
    policy = make_policy()
    policy.configure_model = lambda: pytest.fail("the model was loaded")
    data = SelfEvolvingDataModule(ListSource(train=sums(4), unlabeled=sums(2, "u")))
    for amending in (UnlabeledProblems(answers="majority"), TemperatureBalancer(by="balance")):
        trainer = make_evolver(tmp_path, callbacks=[amending, CorrectFilter()])
        with pytest.raises(ValueError, match=f"{type(amending).__name__} stands above CorrectFilter"):
            trainer.fit(policy, datamodule=data)
    check_order(make_evolver(tmp_path, callbacks=[TemperatureBalancer(), CorrectFilter()]))  # it only measures


def with_method(base: type, name: str) -> Any:
    return type("Mine", (base,), {name: lambda self, *_: None})()


@pytest.mark.parametrize(
    ("base", "method", "message"),
    [
        (
            EvolutionCallback,
            "on_rollout_sampled",
            "Mine.on_rollout_sampled would never be called.*'on_rollouts_sampled'",
        ),
        (EvolutionCallback, "on_iterations_end", "'on_iteration_end'"),
        (EvolutionCallback, "on_samplng_start", "'on_sampling_start'"),
        (Callback, "on_train_batch_ends", "'on_train_batch_end'"),
        (Callback, "on_rollouts_sampled", "derive Mine from lit_mstar.EvolutionCallback"),
    ],
)
def test_a_hook_that_is_never_called_is_refused(base: type, method: str, message: str, tmp_path: Path):
    with pytest.raises(ValueError, match=message):
        check_hooks([Callback(), with_method(base, method)])
    with pytest.raises(ValueError, match=message):
        MStarTrainer(default_root_dir=tmp_path, accelerator="cpu", callbacks=[with_method(base, method)])


@pytest.mark.parametrize("method", ["on_train_start", "on_rollouts_sampled", "on_my_own", "helper", "on_line"])
def test_hooks_and_methods_of_one_s_own_are_left_alone(method: str):
    check_hooks([with_method(EvolutionCallback, method)])
