"""The seam that callbacks plug into: a Lightning callback with three more hooks."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_mstar.rollouts.nouns import Iteration

_ALIKE = 0.85  # how alike the names of a hook and of what may be meant as one are, ours


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

    def on_sampling_start(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Before sampling: may replace `iteration.sampling` or add to `iteration.problems`."""

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """After sampling, with answers marked: may score responses and change what is selected.

        Called for training (`iteration.split == "train"`) and for rollouts that a callback sampled to measure
        ("validate"), so that whoever scores responses scores both.
        """

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """After training and validation, before the checkpoint is saved."""


def check_hooks(callbacks: Iterable[Callback]) -> None:
    """Looks for methods that look like hooks and are none: they would never be called.

    Raises:
        ValueError: If a callback has a misspelled hook, or one of `EvolutionCallback`'s without being one.
    """
    known = {name for name in dir(EvolutionCallback) if name.startswith("on_")}
    evolving = known - set(dir(Callback))
    for callback in callbacks:
        name = type(callback).__name__
        for method in (method for method in vars(type(callback)) if method.startswith("on_")):
            if method in evolving and not isinstance(callback, EvolutionCallback):
                raise ValueError(
                    f"{name}.{method} would never be called: derive {name} from lit_mstar.EvolutionCallback instead of "
                    "lightning.pytorch.Callback."
                )
            near = get_close_matches(method, known, 1, _ALIKE)
            if method not in known and near:
                raise ValueError(f"{name}.{method} would never be called. Did you mean {near[0]!r}?")


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


def call_hook(trainer: Trainer, name: str, iteration: Iteration) -> None:
    """Calls one of the hooks above on every callback that has it."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, EvolutionCallback):
            getattr(callback, name)(trainer, trainer.lightning_module, iteration)
