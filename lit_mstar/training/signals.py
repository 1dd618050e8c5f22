"""What SIGTERM and Ctrl-C do: noted while a model is trained, raised as `SIGTERMException` at any other time.

The one says that the machine is about to be taken away, the other that a user wants it back. Lightning's training loop
looks between two batches whether one came and then raises the exception itself.
"""

from __future__ import annotations

import os
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

NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}


class Stop:
    """A handler of both signals: raises `SIGTERMException` at the first; a second Ctrl-C ends the process at once."""

    def __init__(self) -> None:
        self.by: str | None = None  # the name of the first signal

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Raises, unless one came before."""
        if self.note(signum):
            raise SIGTERMException

    def note(self, signum: int) -> bool:
        """Remembers a signal; returns whether it is the first."""
        name = NAMES[signal.Signals(signum)]
        if name == self.by == "Ctrl-C":
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)
        first, self.by = self.by is None, self.by or name
        return first


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Within it, `Stop` handles the signals; a Ctrl-C that the caller has ignored (`nohup … &`) stays so."""
    stop = Stop()
    heeded = [signum for signum in NAMES if signal.getsignal(signum) != signal.SIG_IGN]
    previous = {signum: signal.signal(signum, stop) for signum in heeded}
    try:
        yield stop
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)


class Signals(_SignalConnector):
    """Lightning's signal handlers without the collective operation within a handler.

    That one meets, on another rank, whatever operation is under way there; here ranks agree between batches.
    """

    _stop: Stop | None = None  # the handler that these stand in for
    agreed: bool | None = None  # what several ranks know in common, while they go in step; None while they do not

    def register_signal_handlers(self) -> None:
        """Also keeps `stoppable` from raising in the middle of a training step."""
        handlers = {signum: signal.getsignal(signum) for signum in NAMES}
        super().register_signal_handlers()
        self.agreed = None
        self._stop = next((handler for handler in handlers.values() if isinstance(handler, Stop)), None)
        for signum in NAMES if self.trainer.state.fn == TrainerFn.FITTING else ():
            if signum == signal.SIGTERM or isinstance(handlers[signum], Stop):
                self._register_signal(signum, self._sigterm_notifier_fn)

    def _sigterm_notifier_fn(self, signum: Any, _: FrameType | None) -> None:
        if self._stop and self.trainer.state.fn == TrainerFn.FITTING:  # or else it hears of it itself
            self._stop.note(signum)
        launcher = self.trainer.strategy.launcher
        if not self.received_sigterm and launcher is not None:
            launcher.kill(signal.SIGTERM)
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
    for option in ("--ckpt_path", "--overwrite") if args[:1] == ["fit"] else ():
        if option in kept:
            del kept[(at := kept.index(option)) : at + 2]
        kept = [arg for arg in kept if not arg.startswith(f"{option}=")]
    kept += ["--ckpt_path", "last"] if args[:1] == ["fit"] else []
    return shlex.join(["lit-mstar", *kept])
