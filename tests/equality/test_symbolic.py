from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from lit_mstar.equality.symbolic import SymbolicWorker, symbolically_equal

LONG = 60.0  # seconds; no comparison that is meant to succeed may hit the limit on a busy machine
ENDLESS = "9^{9^{9^9}}"


@pytest.fixture
def worker() -> Iterator[SymbolicWorker]:
    yield SymbolicWorker()
    gc.collect()


@pytest.mark.parametrize(
    ("predicted", "reference", "expected"),
    [
        (r"\frac{1}{2}", "0.5", True),
        (r"\frac12", "0.6", False),
        ("x = 5", "5", True),
        ("5", "x = 5", True),
        (r"\sin^2 x + \cos^2 x", "1", True),
        (r"\{1, 2\}", r"\{2, 1\}", True),
        ("x < 1", "1 > x", True),
        ("50%", r"\frac{1}{2}", True),
        (r"50\%", r"\frac{100}{2}", False),
        ("√2", r"\sqrt{2}", True),
        ("x²+x³", "x^3+x^2", True),
        ("30°", r"30^\circ", True),
        ("2×3", "6", True),
        ("5 (cats)", "5 dogs", False),
        ("5 km", "5", False),
        (".5x", "x/2", True),
        ("(", "(", False),
        ("", "", False),
        ("a\nb", "\x00", False),
        ("\udc80", "x", False),
    ],
)
def test_comparisons(predicted: str, reference: str, expected: bool) -> None:
    assert symbolically_equal(predicted, reference, LONG) is expected


def test_an_endless_comparison_is_ended_and_the_next_one_works(worker: SymbolicWorker) -> None:
    assert worker.equal("x+1", "1+x", LONG)
    hung = worker._process
    assert not worker.equal(ENDLESS, "1", 0.3)
    assert hung.returncode == -signal.SIGALRM
    assert worker.equal("x+1", "1+x", LONG)
    assert worker._process.pid != hung.pid


def test_one_process_answers_many_questions(worker: SymbolicWorker) -> None:
    assert worker.equal("x+1", "1+x", LONG)
    pid = worker._process.pid
    assert not worker.equal("x+1", "x", LONG)
    assert worker._process.pid == pid


def test_threads_get_their_own_answers() -> None:
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda n: symbolically_equal(f"{n}+x", f"x+{n - n % 2}", LONG), range(24))
    assert list(results) == [n % 2 == 0 for n in range(24)]


def test_a_fork_has_its_own_process() -> None:
    assert symbolically_equal("x+1", "1+x", LONG)
    with ExitStack() as asking:  # as if other threads were at that moment
        for worker in (thing for thing in gc.get_objects() if type(thing) is SymbolicWorker):
            asking.enter_context(worker._lock)
        child = os.fork()
        if child == 0:
            signal.alarm(int(LONG))
            results = symbolically_equal("x+2", "2+x", LONG), symbolically_equal("x", "y", LONG)
            os._exit(results != (True, False))
    assert os.waitpid(child, 0)[1] == 0
    assert symbolically_equal("x+1", "1+x", LONG)


def test_a_late_reply_answers_no_other_question(worker: SymbolicWorker) -> None:
    assert worker.equal("1", "1", LONG)

    class Interrupted:
        write, flush = worker._channel.write, worker._channel.flush

        def readline(self) -> str:
            raise KeyboardInterrupt

    worker._channel = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        worker.equal("1", "1", LONG)
    assert not worker.equal("1", "2", LONG)


def test_a_killed_process_is_replaced(worker: SymbolicWorker) -> None:
    assert worker.equal("1", "1", LONG)
    os.kill(worker._process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker._process.pid, os.WEXITED | os.WNOWAIT)
    assert worker.equal("1", "1", LONG)


def test_the_process_ends_with_its_owner() -> None:
    worker = SymbolicWorker()
    assert worker.equal("1", "1", LONG)
    process = worker._process
    del worker
    gc.collect()
    assert process.returncode == -signal.SIGKILL


def test_a_process_that_fails_to_start_is_an_error(worker: SymbolicWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RuntimeError, match="pip install math-verify"):
        worker.equal("1", "1", LONG)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_the_time_limit_is_positive(timeout: float) -> None:
    with pytest.raises(ValueError, match="must be a positive number of seconds"):
        symbolically_equal("1", "1", timeout)
