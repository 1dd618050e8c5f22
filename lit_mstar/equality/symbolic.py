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
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import weakref
from functools import cache
from typing import Any

MEMORY_LIMIT = 2 << 30
"""Bytes of address space that the child may use."""

# What people type and math-verify can't read; a root sign takes all digits that follow it.
_ROOT = re.compile(r"(?:√|(?<!\\)\bsqrt)\s*(?:(\d+(?:\.\d+)?|[a-zA-Z])|\(([^()]*)\)|\{([^{}]*)\})")
# Functions without a backslash, and degrees in their arguments.
_NAMES = "arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|exp"
_FUNCTION = re.compile(rf"(?<![\\a-zA-Z])({_NAMES})(?![a-zA-Z])")
_FUNCTION_OF = re.compile(rf"\\(?:{_NAMES})(?![a-zA-Z])")
_DEGREES = re.compile(r"(\d+(?:\.\d+)?)\s*°")
_TYPED = str.maketrans(
    {
        "°": r"^\circ ",
        "×": r"\times ",
        "·": r"\cdot ",
        "π": r"\pi ",
        "±": r"\pm ",
        "²": "^2",
        "³": "^3",
        "≤": r"\le ",
        "≥": r"\ge ",
        "%": "/100",
    }
)
_DIGITS = 30  # of what is computed numerically, ours
_RELATIVE = 1e-9  # ours: rounding in 30 digits is far smaller, and no two different answers are so close


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
        parse(f"${_written(text)}$", config, fallback_mode="no_fallback", parsing_timeout=None)
        for text in (reference, predicted)
    )
    if not gold or not target:
        return False
    if (same := _same_values(gold[0], target[0])) is not None:
        return same
    return bool(verify(gold, target, timeout_seconds=None))


def _written(text: str) -> str:
    r"""LaTeX for what people type: `√16` is a root of 16, `sqrt(2)` one of 2."""
    text = _FUNCTION.sub(r"\\\1 ", text.replace(r"\%", "%"))
    if _FUNCTION_OF.search(text):
        text = _DEGREES.sub(r"{(\\frac{\1 \\pi}{180})}", text)
    return _ROOT.sub(lambda match: rf"\sqrt{{{match[1] or match[2] or match[3]}}}", text).translate(_TYPED)


def _same_values(first: Any, second: Any) -> bool | None:
    """Whether two expressions have the same value wherever they are tried; None where they are no such expressions.

    math-verify rounds to six digits behind the point, where 1.6e-19 and 3.2e-19 are the same; this is relative.
    """
    import sympy

    if all(isinstance(side, sympy.Eq) for side in (first, second)):  # up to a factor: 2y = 4x is y = 2x
        first, second = (side.lhs - side.rhs for side in (first, second))
        return bool(sympy.simplify(first / second).is_number) if second != 0 else first == 0
    if not all(isinstance(side, sympy.Expr) for side in (first, second)):
        return None
    symbols = sorted(first.free_symbols | second.free_symbols, key=str)
    tried = 0
    for trial in range(4):
        point = {symbol: sympy.Rational(7 + 4 * trial + 5 * i, 9 + 2 * i) for i, symbol in enumerate(symbols)}
        one, other = (sympy.N(side.subs(point), _DIGITS) for side in (first, second))
        if not (one.is_number and other.is_number and one.is_finite and other.is_finite):
            continue
        tried += 1
        if abs(one - other) > _RELATIVE * max(abs(one), abs(other)):
            return False
    return tried > 0 or None


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
