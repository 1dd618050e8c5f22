"""Callbacks that stages name in their configs: one to learn from anything, others to make things go wrong."""

from __future__ import annotations

import os
import resource
import signal
from typing import Any

from lit_mstar.hooks import EvolutionCallback


class SelectAll(EvolutionCallback):
    """Keeps every response, so that a model that knows nothing has something to learn from."""

    def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Any) -> None:
        for rollout in iteration.rollouts:
            rollout.selected = list(range(len(rollout.responses)))


class Fault(EvolutionCallback):
    """Does something in a hook, on one rank, when so many epochs are finished.

    Args:
        hook: Where.
        epoch: When.
        rank: By whom.
    """

    def __init__(self, hook: str, epoch: int = 1, rank: int = 0) -> None:
        def fire(trainer: Any, *_: Any) -> None:
            finished = trainer.fit_loop.epoch_progress.current.processed
            if finished == epoch and trainer.global_rank == rank and not trainer.sanity_checking:
                print("FAULT", flush=True)
                self.happen()

        setattr(self, hook, fire)

    def happen(self) -> None:
        """What goes wrong."""


class Say(Fault):
    """Nothing goes wrong, but the hook is announced."""


class Kill(Fault):
    """The process is killed."""

    def happen(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Terminate(Fault):
    """The process is told to end."""

    def happen(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


class Interrupt(Fault):
    """Someone presses Ctrl-C, so many times."""

    def __init__(self, hook: str, epoch: int = 1, rank: int = 0, times: int = 1) -> None:
        super().__init__(hook, epoch, rank)
        self.times = times

    def happen(self) -> None:
        for _ in range(self.times):
            os.kill(os.getpid(), signal.SIGINT)


class FullDisk(Fault):
    """From now on the kernel refuses to write more than a kilobyte into any file (EFBIG)."""

    def happen(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
