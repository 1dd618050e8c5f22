"""Callbacks that would silently do nothing, or undo each other, are told before anything is sampled."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from inspect import Parameter, signature

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from lit_mstar.hooks import EvolutionCallback

_ALIKE = 0.85  # how alike the names of a hook and of what may be meant as one are, ours
_HOOKS = {name for name in dir(EvolutionCallback) if name.startswith("on_")}


def check_hooks(callbacks: Iterable[Callback]) -> None:
    """Looks for methods that look like hooks and are none, and for hooks that cannot be called as they will be.

    Raises:
        ValueError: If a callback has a misspelled hook, one of `EvolutionCallback`'s without being one, or one with
            other arguments.
    """
    for callback in callbacks:
        own = [kind for kind in type(callback).__mro__ if not kind.__module__.startswith(("lightning.", "lit_mstar."))]
        for method in sorted({name for kind in own for name in vars(kind) if name.startswith("on_")}):
            _check_hook(callback, method)


def _check_hook(callback: Callback, method: str) -> None:
    name = f"{type(callback).__name__}.{method}"
    if method not in _HOOKS:
        if near := get_close_matches(method, _HOOKS, 1, _ALIKE):
            raise ValueError(f"{name} would never be called. Did you mean {near[0]!r}?")
        rank_zero_warn(f"{name} is no hook of Lightning's or EvolutionCallback's: nobody calls it unless you do.")
        return
    if not hasattr(Callback, method) and not isinstance(callback, EvolutionCallback):
        raise ValueError(
            f"{name} would never be called: derive {type(callback).__name__} from lit_mstar.EvolutionCallback instead "
            "of lightning.pytorch.Callback."
        )
    _, *asked = signature(getattr(EvolutionCallback, method)).parameters.values()
    given = [parameter.name for parameter in asked if parameter.default is Parameter.empty]
    taken = signature(getattr(callback, method))
    try:
        taken.bind(*given)
    except TypeError:
        raise ValueError(f"{name} takes {taken}, and is called with ({', '.join(given)}).") from None


def check_order(trainer: Trainer) -> None:
    """Looks at the order of callbacks before anything is sampled.

    Raises:
        ValueError: If one that amends the selection stands above one that replaces it, or one replaces the selection of
            another of its kind.
    """
    amending: EvolutionCallback | None = None
    replacing: set[type] = set()
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if not isinstance(callback, EvolutionCallback):
            continue
        name = type(callback).__name__
        if callback.replaces_selection and amending is not None:
            above = type(amending).__name__
            raise ValueError(
                f"{above} stands above {name} in trainer.callbacks, and {name} would undo what it selects; write "
                f"{above} below {name}."
            )
        if callback.replaces_selection and type(callback) in replacing:
            raise ValueError(f"{name} is twice in trainer.callbacks, and the second undoes the first; remove one.")
        replacing |= {type(callback)} if callback.replaces_selection else set()
        amending = callback if callback.amends_selection else amending
