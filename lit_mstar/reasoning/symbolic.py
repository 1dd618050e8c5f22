"""Are two mathematical expressions equal? math-verify decides, in a child process with limits.

The expressions are untrusted model output such as `9^{9^{9^9}}`, and math-verify's own time limit works only
in the main thread. So a child process, which imports nothing but math-verify, answers one question after
another; where a question takes too long, the kernel ends the child, and the next question starts another. The
child is this file, run as a script: no fork (unsafe beside threads), no import of the user's main module.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import weakref
from functools import cache

MEMORY_LIMIT = 2 << 30
"""Bytes of address space that the child may use."""

# What people type and math-verify can't read. A percent sign is a factor of 1/100, as it is in `answers.py`
# (math-verify would let 50% equal 50 as well).
_TYPED = str.maketrans({"√": r"\sqrt ", "°": r"^\circ ", "²": "^2", "³": "^3", "×": r"\times ", "%": "/100"})


def symbolically_equal(predicted: str, reference: str, timeout: float = 3.0) -> bool:
    """Whether two expressions are mathematically equal; safe to call from any thread and after a fork.

    Args:
        predicted: LaTeX or plain notation, without `$` delimiters.
        reference: Likewise; an equation `x = 5` on one side equals `5` on the other.
        timeout: Seconds that one comparison may take.

    Returns:
        False as well where an expression can't be read, or exceeds the limits on time or memory.

    Raises:
        ValueError: If `timeout` isn't positive.
        RuntimeError: If the child process doesn't start.
    """
    return _worker(os.getpid()).equal(predicted, reference, timeout)


@cache
def _worker(pid: int) -> SymbolicWorker:
    """This process's worker; a forked process must not talk into its parent's channel."""
    return SymbolicWorker()


class SymbolicWorker:
    """A child process that compares expressions, started on first use and replaced once it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def equal(self, predicted: str, reference: str, timeout: float) -> bool:
        """See `symbolically_equal`."""
        if not timeout > 0:
            raise ValueError(f"timeout is {timeout}; it must be a positive number of seconds.")
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = self._start()
            reply = ""
            try:
                print(json.dumps([predicted, reference, timeout]), file=self._channel, flush=True)
                reply = self._channel.readline()
            except ConnectionError:  # the child ended before it had read the question
                pass
            finally:
                if not reply:  # also after an interrupt: a late reply must not answer the next question
                    _stop(self._process)
        return reply == "true\n"

    def _start(self) -> subprocess.Popen[bytes]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._channel = ours.makefile("rw", encoding="utf-8")
            # -P: this file's folder, whose modules have everyday names, stays out of the child's sys.path.
            command = [sys.executable, "-P", __file__]
            process = subprocess.Popen(  # noqa: S603  nothing in it is input
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL
            )
        weakref.finalize(self, _stop, process)
        if self._channel.readline() != "ready\n":
            raise RuntimeError(
                "The process that compares expressions didn't start; its own error is printed above. "
                "If math-verify is missing, `pip install math-verify`."
            )
        return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _equal(predicted: str, reference: str) -> bool:
    """The comparison itself, without limits; runs in the child."""
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse, verify

    # An expression has to be read as a whole: to take the last number out of a sentence would be guessing.
    notation = NormalizationConfig(units=False, malformed_operators=True)
    config = [LatexExtractionConfig(normalization_config=notation)]
    gold, target = (
        parse(f"${text}$", config, fallback_mode="no_fallback", parsing_timeout=None)
        for text in (side.replace(r"\%", "%").translate(_TYPED) for side in (reference, predicted))
    )
    return bool(verify(gold, target, timeout_seconds=None))


def _serve() -> None:
    """Answer the questions that come in on standard input, a socket, until it closes."""
    import math_verify  # noqa: F401  before "ready": a question's time must not include the import

    channel = socket.socket(fileno=0).makefile("rw", encoding="utf-8")
    with contextlib.suppress(ValueError, OSError):  # macOS refuses this limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the default ends the process, whatever it is doing
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    print("ready", file=channel, flush=True)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # parsers complain at length
        while line := channel.readline():
            predicted, reference, timeout = json.loads(line)
            signal.setitimer(signal.ITIMER_REAL, timeout)
            reply = _equal(predicted, reference)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(json.dumps(reply), file=channel, flush=True)


if __name__ == "__main__":
    _serve()
