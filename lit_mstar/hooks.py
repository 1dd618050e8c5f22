"""The seam that callbacks plug into: a Lightning callback with three more hooks."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_mstar.rollouts.nouns import Iteration, Problem, SamplingParams

_SEEING = ("on_rollouts_sampled", "on_iteration_end")  # the hooks in which an iteration has rollouts


class EvolutionCallback(Callback):
    """A Lightning `Callback` that also sees what is sampled.

    The hooks are called by `SelfEvolvingDataModule`, on every rank, in the order of the callbacks. Those for
    sampling run within `train_dataloader()`, where Lightning's `log` is not allowed: put what you measure in
    `iteration.metrics`, which is logged and written to the ledger when the iteration ends.
    """

    replaces_selection = False
    """Whether it sets `rollout.selected` anew, whatever it was: what was chosen above it is lost."""

    amends_selection = False
    """Whether it changes what others selected: those that replace the selection must stand above it."""

    divisible = False
    """Whether each rank may be given only its share of an iteration's rollouts (`iteration.divided`).

    It may where rollouts are looked at one by one, and what is measured of them is put together from all ranks
    (`lit_mstar.training.division.parts`): `iteration.metrics` must end the same on every rank. Ranks get shares if this
    is so of every callback that has `on_rollouts_sampled` or `on_iteration_end`; otherwise each gets all. A class that
    overrides one of these says it anew.
    """

    def on_sampling_start(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Before sampling: may replace `iteration.sampling` or add to `iteration.problems`."""

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """After sampling, with answers marked: may score responses and change what is selected.

        Called for training (`iteration.split == "train"`) and for rollouts that a callback sampled to measure
        ("validate"), so that whoever scores responses scores both.
        """

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """After training and validation, before the checkpoint is saved."""


def call_hook(trainer: Trainer, name: str, iteration: Iteration) -> None:
    """Calls one of the hooks above on every callback that has it.

    Raises:
        ValueError: If one leaves something in the iteration that nobody could use, with its name.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, EvolutionCallback):
            getattr(callback, name)(trainer, trainer.lightning_module, iteration)
            _check_left(iteration, f"{type(callback).__name__}.{name}")


def all_divisible(trainer: Trainer) -> bool:
    """Whether every callback that sees rollouts can do with a rank's share of them."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return all(_is_divisible(callback) for callback in callbacks if isinstance(callback, EvolutionCallback))


def _is_divisible(callback: EvolutionCallback) -> bool:
    """What a class says of its own hooks does not hold for those that an heir writes anew."""
    kind = type(callback)
    seeing = [owner for hook in _SEEING if (owner := _owner(kind, hook)) is not EvolutionCallback]
    said = _owner(kind, "divisible")
    return not seeing or (callback.divisible and all(issubclass(said, owner) for owner in seeing))


def _owner(kind: type, name: str) -> type:
    """The class that an attribute is taken from."""
    return next(one for one in kind.__mro__ if name in vars(one))


def _check_left(iteration: Iteration, by: str) -> None:
    if not isinstance(iteration.sampling, SamplingParams):
        raise ValueError(f"{by} has made iteration.sampling {iteration.sampling!r}; it must be SamplingParams.")
    if strange := [problem for problem in iteration.problems if not isinstance(problem, Problem)]:
        raise ValueError(f"{by} has put {strange[0]!r} into iteration.problems; they must be Problems.")
    for key, value in iteration.metrics.items():
        number = _number(value)
        if number is None:
            raise ValueError(f"{by} has put {value!r} into iteration.metrics[{key!r}]; it must be one number.")
        iteration.metrics[key] = number


def _number(value: Any) -> float | None:
    """Any kind of number, and a tensor of one; None for all else, texts of digits among it."""
    if isinstance(value, (int, float, str)):
        return None if isinstance(value, str) else value
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        return None
