"""Processes that start at once: forked from one that has done the imports, which take ten seconds.

`Started` is a real process in a session of its own, to be signalled, killed and waited for like a `subprocess.Popen`.
What must be started as a user starts it (`lit-mstar run`, Lightning's own ranks) does not go this way.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import IO, Any

TESTS = Path(__file__).parents[1]
_Popen = subprocess.Popen
_STARTING = Lock()


class Started:
    """`python -m MODULE ARGS` in a folder; output goes to a pipe or to a file.

    Args:
        args: Its arguments.
        cwd: Where it runs.
        output: Gets stdout and stderr; a pipe, `stdout`, by default.
        module: Has a function `main`; the command by default.
        variables: Environment variables beside this process's.
    """

    def __init__(
        self,
        args: Sequence[str],
        cwd: Path,
        output: IO[Any] | None = None,
        module: str = "lit_mstar.__main__",
        variables: dict[str, str] | None = None,
    ) -> None:
        pipe = (None, output.fileno()) if output else os.pipe()
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"module": module, "args": [*map(str, args)], "cwd": str(cwd)}
        request["env"] = os.environ | (variables or {})
        with _STARTING:  # by one thread: another's would be forgotten, and end
            zygote = _zygote()
        socket.send_fds(zygote, [json.dumps(request).encode()], [theirs.fileno(), pipe[1]])
        theirs.close()
        if pipe[0] is not None:
            os.close(pipe[1])
        self.stdout = os.fdopen(pipe[0]) if pipe[0] is not None else None
        self.returncode: int | None = None
        self._status = mine
        self.pid = int(mine.recv(32))

    def poll(self) -> int | None:
        """The exit code, or None while it runs; -N if signal N ended it."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        """The exit code, once it has ended."""
        if self.returncode is None:
            self.returncode = int(self._status.recv(32))
            self._status.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """What else it and its children print, once all have ended."""
        assert self.stdout is not None
        pool = ThreadPoolExecutor(1)
        try:
            text = pool.submit(self.stdout.read).result(timeout)
        except TimeoutError:
            raise subprocess.TimeoutExpired("lit-mstar", timeout or 0.0) from None
        finally:
            pool.shutdown(wait=False)
        self.wait()
        return text, None

    def terminate(self) -> None:
        """Sends SIGTERM."""
        os.kill(self.pid, signal.SIGTERM)


def popen(command: Sequence[str], stdout: IO[Any] | None = None, **options: Any) -> Any:
    """In the place of `subprocess.Popen`, for what starts stages."""
    if command[1:3] != ["-m", "lit_mstar"]:
        return _Popen(command, stdout=stdout, **options)
    return Started(command[3:], Path.cwd(), stdout or sys.__stdout__)


@cache
def _zygote() -> socket.socket:
    """The way to the process that forks, started when it is first needed; it ends with this one."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "support.zygote", str(theirs.fileno())]
    environment = os.environ | {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    _Popen(command, pass_fds=[theirs.fileno()], env=environment, start_new_session=True)
    theirs.close()
    return mine


def _serve(requests: socket.socket) -> dict[str, Any] | None:
    """Forks once per request; returns the request in each child, and None in the end."""
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([requests, wake], [], [])
        if wake in ready:
            os.read(wake, 1024)
            _report(running)
        if requests not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(requests, 1 << 20, 2)
        if not message:
            return None
        status, output = descriptors
        if (pid := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return dict(json.loads(message)) | {"output": output}
        os.close(output)
        running[pid] = socket.socket(fileno=status)
        running[pid].send(str(pid).encode())


def _report(running: dict[int, socket.socket]) -> None:
    """Tells who waits for them which children have ended, and how."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as waiting:
            waiting.send(str(os.waitstatus_to_exitcode(status)).encode())


def main() -> None:
    """What the process does that forks, and then each that it has forked."""
    import lit_mstar.callbacks
    import lit_mstar.commands.lightning  # noqa: F401  # for the processes that come
    from lit_mstar.data import DigitsSource
    from support.helpers import make_tiny_backbone

    make_tiny_backbone().load_model()  # and what is imported where it is first needed
    DigitsSource(seed=1, train=1, validate=1, test=1).problems("train")
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return
    os.setsid()
    for descriptor, target in ((os.open(os.devnull, os.O_RDONLY), 0), (request["output"], 1), (request["output"], 2)):
        os.dup2(descriptor, target)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv[1:] = request["args"]
    sys.path[0] = request["cwd"]
    import_module(request["module"]).main()


if __name__ == "__main__":
    main()
