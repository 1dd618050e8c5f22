"""What is watched while a run goes on for days: that sampling moves, that the disk has room."""

from __future__ import annotations

import faulthandler
import math
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


@contextmanager
def progress_watched(seconds: float, what: str) -> Iterator[Callable[[], None]]:
    """Watches work that moves step by step; the block calls what it is given at each step.

    If the process is stuck where Python cannot be interrupted, in a collective or a kernel, it prints where every
    thread is and ends, after twice the time.

    Args:
        seconds: How long a step may take, less up to a hundredth: timers are set anew no oftener than that.
        what: The work, for the message.

    Raises:
        TimeoutError: If a step takes longer, in the main thread; elsewhere nothing is watched.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def stuck(*_: Any) -> None:
        raise TimeoutError(
            f"No problem was finished in {seconds:g} s ({what}). What was sampled is in the ledger: look at the "
            "engine's own messages or restart the server, or raise data.init_args.stall_timeout if a problem takes "
            "that long; then go on with --ckpt_path last."
        )

    armed = -math.inf  # when the timers were last set; to set them costs more than many a step

    def moved() -> None:
        nonlocal armed
        if (now := time.monotonic()) - armed < seconds / 100:
            return
        armed = now
        signal.setitimer(signal.ITIMER_REAL, seconds)
        if log is not None:
            faulthandler.dump_traceback_later(2 * seconds, exit=True, file=log)

    log = _real_file(sys.stderr) or _real_file(sys.__stderr__)
    before = signal.signal(signal.SIGALRM, stuck)
    try:
        moved()
        yield moved
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def _real_file(stream: TextIO | None) -> TextIO | None:
    """The stream, if the operating system knows it; a notebook's standard error is none."""
    try:
        return stream if stream is not None and stream.fileno() >= 0 else None
    except (OSError, ValueError, AttributeError):  # io.UnsupportedOperation is the first two
        return None


def require_space(folder: Path, needed: int) -> None:
    """Looks for room on the disk before work begins that would be lost without it.

    Args:
        folder: Where the run goes.
        needed: Bytes.

    Raises:
        OSError: If there is less.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(folder).free) < needed:
        raise OSError(
            f"{folder} has {free / 1e9:.1f} GB left, but an iteration needs {needed / 1e9:.1f} GB (reserve_gb and two "
            "checkpoints). Nothing is lost: make room, or move the run, and go on with --ckpt_path last."
        )


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
