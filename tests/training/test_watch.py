from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from lit_mstar.training import watch
from lit_mstar.training.watch import progress_watched, require_space, size_of

STUCK = """
import signal, time
from lit_mstar.training.watch import progress_watched
with progress_watched(0.2, "iteration 3: sampling") as moved:
    {preparation}
    moved()
    time.sleep(600)
"""
DEAF = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})"  # as if in a kernel that does not return


@pytest.mark.parametrize(
    ("preparation", "code", "said"),
    [
        ("pass", 1, "TimeoutError: No problem was finished in 0.2 s (iteration 3: sampling)"),
        (DEAF, 1, "Timeout (0:00:00.400000)!"),
    ],
)
def test_stuck_work_ends_the_process_and_says_what_was_seen(preparation: str, code: int, said: str):
    program = STUCK.format(preparation=preparation)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert ended.returncode == code
    assert said in ended.stderr


def test_work_that_moves_is_left_alone_and_the_timer_ends_with_it():
    before = signal.getsignal(signal.SIGALRM)
    with progress_watched(1000, "work") as moved:
        moved()
        assert 900 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is before


def test_timers_are_set_anew_once_in_a_hundredth_of_the_time(monkeypatch: pytest.MonkeyPatch):
    now, found = [100.0], []
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(watch.signal, "setitimer", lambda which, seconds: found.append((now[0], seconds)))
    with progress_watched(1000, "work") as moved:
        for at in (105.0, 109.5, 110.0, 111.0, 119.5, 120.0, 700.0, 701.0):
            now[0] = at
            moved()
    assert found == [*((at, 1000) for at in (100.0, 110.0, 120.0, 700.0)), (701.0, 0)]


def test_a_full_disk_is_said_before_work_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(watch.shutil, "disk_usage", lambda folder: usage(10**10, 7 * 10**9, 3 * 10**9))
    require_space(tmp_path, 3 * 10**9)
    with pytest.raises(OSError, match=r"has 3.0 GB left, but an iteration needs 3.5 GB .* --ckpt_path last"):
        require_space(tmp_path, 3_500_000_000)


def test_size_counts_files_and_folders(tmp_path: Path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "x").write_bytes(b"123")
    (tmp_path / "a" / "b" / "y").write_bytes(b"12345")
    assert (size_of(tmp_path / "a"), size_of(tmp_path / "a/x"), size_of(tmp_path / "none")) == (8, 3, 0)


class NoFile(io.StringIO):
    """What a notebook puts in the place of standard error."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


@pytest.mark.parametrize("stream", [NoFile(), io.StringIO(), None, object()])
@pytest.mark.parametrize("original", [True, False])
def test_standard_error_need_be_no_file(monkeypatch: pytest.MonkeyPatch, stream: object, original: bool):
    monkeypatch.setattr(sys, "stderr", stream)
    if not original:
        monkeypatch.setattr(sys, "__stderr__", None)
    before = signal.getsignal(signal.SIGALRM)
    with progress_watched(60, "a notebook's work") as moved:
        moved()
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0  # it is watched all the same
    assert signal.getsignal(signal.SIGALRM) is before
