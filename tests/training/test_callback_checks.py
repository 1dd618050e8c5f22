"""Callbacks that would do nothing, or undo each other, are told; all others are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback

from lit_mstar import EvolutionCallback
from lit_mstar.callbacks import CorrectFilter, TemperatureBalancer, UnlabeledProblems
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.training.callback_checks import check_hooks, check_order
from lit_mstar.training.trainer import MStarTrainer
from support.scripted import ListSource, make_evolver, make_policy, make_trainer, sums


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


def test_a_base_class_of_one_s_own_is_looked_at_too():
    base = type("Base", (EvolutionCallback,), {"on_rollout_sampled": lambda self, *_: None})
    with pytest.raises(ValueError, match="Mine.on_rollout_sampled would never be called"):
        check_hooks([with_method(base, "on_train_start")])


@pytest.mark.parametrize("method", ["on_sampling_begin", "on_tuesday", "on_my_own"])
def test_what_is_no_hook_at_all_is_told(method: str):
    with pytest.warns(UserWarning, match=f"Mine.{method} is no hook of Lightning's or EvolutionCallback's"):
        check_hooks([with_method(EvolutionCallback, method)])


class Takes:
    def less(self, iteration: Any) -> None: ...
    def more(self, trainer: Any, pl_module: Any, iteration: Any, also: Any) -> None: ...
    def right(self, trainer: Any, pl_module: Any, iteration: Any, also: Any = None) -> None: ...
    def batch(self, trainer: Any, pl_module: Any, batch: Any) -> None: ...


@pytest.mark.parametrize(
    ("hook", "method", "called"),
    [
        ("on_rollouts_sampled", Takes.less, "trainer, pl_module, iteration"),
        ("on_iteration_end", Takes.more, "trainer, pl_module, iteration"),
        ("on_train_batch_end", Takes.batch, "trainer, pl_module, outputs, batch, batch_idx"),
        ("on_train_start", Takes.less, "trainer, pl_module"),
    ],
)
def test_a_hook_that_cannot_take_what_it_is_given_is_refused(hook: str, method: Any, called: str):
    with pytest.raises(ValueError, match=rf"^Mine.{hook} takes \(.*\) -> .*, and is called with \({called}\)\.$"):
        check_hooks([type("Mine", (EvolutionCallback,), {hook: method})()])
    check_hooks([type("Mine", (EvolutionCallback,), {"on_rollouts_sampled": Takes.right})()])


@pytest.mark.parametrize("method", ["on_train_start", "on_rollouts_sampled", "on_validation_batch_end", "helper"])
def test_hooks_and_methods_of_one_s_own_are_left_alone(method: str, recwarn: pytest.WarningsRecorder):
    check_hooks([with_method(EvolutionCallback, method)])
    assert not recwarn.list
