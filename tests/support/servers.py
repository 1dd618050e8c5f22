"""A real `lit-mstar serve`, for tests that ask servers and for those that kill them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from support.engines import SMALL_ENGINE
from support.helpers import free_port


class ServerProcess:
    """`lit-mstar serve` in a process group of its own, ready when constructed."""

    def __init__(self, model: Path, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own, theirs = (
            (options[: options.index("--")], options[options.index("--") :]) if "--" in options else (options, ("--",))
        )
        small = [part for name, value in SMALL_ENGINE.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        line = [sys.executable, "-m", "lit_mstar", "serve", str(model), "--port", str(self.port), "--dtype", "float32"]
        self.process = subprocess.Popen(
            [*line, "--max-images", "2", *own, *theirs, *small],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"},  # cores are shared
        )
        self.log: list[str] = []
        ready = threading.Event()
        threading.Thread(target=self._read, args=(ready,), daemon=True).start()  # a full pipe would stop the server
        ready.wait()
        assert self.process.poll() is None, "".join(self.log[-40:])

    def _read(self, ready: threading.Event) -> None:
        for text in self.process.stdout or ():
            self.log.append(text)
            if "ready at" in text:
                ready.set()
        self.process.wait()
        ready.set()

    def kill(self) -> None:
        """As when the machine goes: no process of it gets to say anything."""
        assert self.process.poll() is None, "it had ended before:\n" + "".join(self.log[-40:])
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
