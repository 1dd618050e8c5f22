"""What a SIGTERM does: noted while a model is trained, raised as `SIGTERMException` at any other time.

It says that the machine is about to be taken away. Lightning's training loop looks between two batches whether one came
and then raises the exception itself.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException


@contextmanager
def stoppable() -> Iterator[None]:
    """Raises `SIGTERMException` at the first SIGTERM, wherever the process is; further ones are not heeded."""
    stopped = False

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            raise SIGTERMException

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


class Signals(_SignalConnector):
    """Lightning's signal handlers without the collective operation within a handler.

    That one meets, on another rank, whatever operation is under way there; here ranks agree between batches.
    """

    agreed: bool | None = None  # what several ranks know in common, while they go in step; None while they do not

    def register_signal_handlers(self) -> None:
        """Also keeps `stoppable` from raising in the middle of a training step."""
        super().register_signal_handlers()
        self.agreed = None
        if self.trainer.state.fn == TrainerFn.FITTING:
            self._register_signal(signal.SIGTERM, self._sigterm_notifier_fn)

    def _sigterm_notifier_fn(self, signum: Any, _: FrameType | None) -> None:
        launcher = self.trainer.strategy.launcher
        if not self.received_sigterm and launcher is not None:
            launcher.kill(signum)
        self.received_sigterm = True


def agree(trainer: Trainer) -> None:
    """Several ranks stop together, at the first common point after any of them has heard of it."""
    signals = signals_of(trainer)
    if trainer.world_size > 1 and trainer.state.fn == TrainerFn.FITTING:
        signals.agreed = trainer.strategy.reduce_boolean_decision(signals.received_sigterm, all=False)


def signals_of(trainer: Trainer) -> Any:
    """The trainer's `Signals`."""
    return trainer._signal_connector


def go_on(args: list[str]) -> str:
    """The command that goes on with the one that was stopped."""
    kept = list(args)
    if args[:1] == ["fit"] and "--ckpt_path" in kept:
        del kept[(at := kept.index("--ckpt_path")) : at + 2]
    if args[:1] == ["fit"]:
        kept = [*(arg for arg in kept if not arg.startswith("--ckpt_path=")), "--ckpt_path", "last"]
    return shlex.join(["lit-mstar", *kept])
