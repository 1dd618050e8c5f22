"""Stages as child processes: SIGTERM and Ctrl-C reach them all, and no two processes ever work in the same folder."""

from __future__ import annotations

import fcntl
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any


class Children:
    """Runs commands, several at a time if called from several threads; to be used as a context manager.

    While it is open, SIGTERM or Ctrl-C to this process ends the running commands, which save and stop, and starts no
    others; a second Ctrl-C kills them.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._running: set[subprocess.Popen[bytes]] = set()
        self._interrupted = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Children:
        heeded = [s for s in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(s) != signal.SIG_IGN]
        self._previous = {signum: signal.signal(signum, self._on_signal) for signum in heeded}
        return self

    def __exit__(self, *error: object) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)

    def run(self, command: Sequence[str], lock: IO[bytes], log: Path | None = None) -> int:
        """Runs a command; returns its exit code, or -SIGTERM if it was not started.

        Args:
            command: The program and its arguments.
            lock: Held by the command, too: it may go on where this process is killed.
            log: Where its output is appended; on the terminal by default.
        """
        with _output(log) as output:
            if self.stopped:
                return -signal.SIGTERM
            process = subprocess.Popen(command, stdout=output, stderr=output, pass_fds=[lock.fileno()])  # noqa: S603
            self._running.add(process)
            try:
                if self.stopped:  # between the question and the start
                    process.terminate()
                return process.wait()
            finally:
                self._running.discard(process)

    def stop(self) -> None:
        """Ends the running commands, and starts no others."""
        self.stopped = True
        for process in list(self._running):
            process.terminate()

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if signum == signal.SIGINT and self._interrupted:
            for process in list(self._running):
                process.kill()
        self._interrupted |= signum == signal.SIGINT
        self.stop()


@contextmanager
def locked(folder: Path) -> Iterator[IO[bytes]]:
    """Holds the folder's lock, once no other process has it open: each lets go of it as it ends, however that is."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{folder}: another process works there; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


@contextmanager
def _output(log: Path | None) -> Iterator[IO[bytes] | None]:
    if log is None:
        yield None
    else:
        with log.open("ab") as file:
            yield file
