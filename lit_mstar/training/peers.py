"""When a rank dies, the others end soon, and say which one died and how to go on.

Left alone, a rank that waits for a dead one ends with an error of the communication library, or waits for its timeout.
Rank 0 watches the processes it started, the others the one that started them.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from subprocess import Popen
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

_POLL, _GRACE = 0.5, 5.0  # seconds: between looks; for the main thread to end by itself
_LOST_CONNECTION = re.compile(r"gloo|nccl|connection|tcpstore|socket|broken pipe|heartbeat", re.IGNORECASE)


class Watch(threading.Thread):
    """Ends this process when another rank on its machine has died.

    Args:
        again: The command that goes on with the run.
    """

    def __init__(self, again: str) -> None:
        super().__init__(daemon=True, name="watch")
        self.again = again
        self.children: list[Popen[bytes]] = []
        self.parent = os.getppid() if int(os.environ.get("LOCAL_RANK", "0")) else None
        self._over = threading.Event()
        self._said = threading.Lock()
        if self.parent:
            self.start()

    def attach(self, trainer: Trainer) -> None:
        """Watches the processes that the trainer is going to start."""
        launcher = trainer.strategy.launcher
        if type(launcher) is _SubprocessScriptLauncher:
            trainer.strategy._launcher = _Launcher(launcher, self)

    def over(self) -> None:
        """Ends the watch: the work is done."""
        self._over.set()

    def run(self) -> None:
        """Looks for a death now and then."""
        while not self._over.wait(_POLL):
            if death := self.death():
                self.say(death)
                if not self._over.wait(_GRACE):
                    self._end_children()
                    os._exit(1)  # the main thread waits in a common operation, which nothing else ends

    def death(self) -> str | None:
        """Who has died and how, if anyone has."""
        for rank, process in enumerate(self.children, start=1):
            if code := process.poll():
                how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
                return f"Rank {rank} (process {process.pid}) {how}"
        if self.parent and os.getppid() != self.parent:
            return f"Rank 0 or its launcher (process {self.parent}) died"
        return None

    def explains(self, error: Exception) -> bool:
        """Whether an error comes from a lost connection to a rank that died; says so if it does."""
        if not self.is_alive() or not _LOST_CONNECTION.search(str(error)):
            return False
        for _ in range(round(_GRACE / _POLL)):
            if death := self.death():
                self.say(death)
                self._end_children()
                return True
            self._over.wait(_POLL)
        return False

    def say(self, death: str) -> None:
        """One line on stderr, once."""
        if self._said.acquire(blocking=False):
            print(f"{death}; this rank cannot go on without it. To go on: {self.again}", file=sys.stderr, flush=True)

    def _end_children(self) -> None:
        for process in self.children:
            process.kill()


class _Launcher(_SubprocessScriptLauncher):
    """Lightning's, but watched by us: its own observer kills rank 0 before it could say anything."""

    def __init__(self, launcher: _SubprocessScriptLauncher, watch: Watch) -> None:
        super().__init__(launcher.cluster_environment, launcher.num_processes, launcher.num_nodes)
        self.watch = watch

    def launch(self, function: Any, *args: Any, trainer: Trainer | None = None, **kwargs: Any) -> Any:
        """Starts the other ranks, watches them, and calls the function."""
        self.cluster_environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        if not self.cluster_environment.creates_processes_externally and not self.procs:
            self._call_children_scripts()
            self.watch.children = self.procs
            self.watch.start()
        return function(*args, **kwargs)
