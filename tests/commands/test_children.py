from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lit_mstar.commands.children import Children, locked


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_sigterm_reaches_all_children_and_no_more_are_started(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    there = os.open(pipe, os.O_RDWR)
    waiting = python(f"import signal; open({str(pipe)!r}, 'w').write('!'); signal.pause()")
    previous = signal.getsignal(signal.SIGTERM)
    with Children() as children, ThreadPoolExecutor(4) as pool:

        def run(name: str) -> int:
            with locked(tmp_path / name) as lock:
                return children.run(waiting, lock)

        codes = [pool.submit(run, name) for name in "abc"]
        for _ in codes:
            assert os.read(there, 1) == b"!"
        os.kill(os.getpid(), signal.SIGTERM)
        assert [code.result() for code in codes] == [-signal.SIGTERM] * 3
        assert children.stopped
        assert pool.submit(run, "d").result() == -signal.SIGTERM  # it would have waited for ever
    assert signal.getsignal(signal.SIGTERM) == previous


def test_a_second_interrupt_kills_what_does_not_end(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    there = os.open(pipe, os.O_RDWR)
    heard = f"lambda *_: open({str(pipe)!r}, 'w').write('x')"
    stubborn = python(
        f"import signal; signal.signal(signal.SIGTERM, {heard}); open({str(pipe)!r}, 'w').write('!')\n"
        "while True: signal.pause()"
    )
    with Children() as children, ThreadPoolExecutor(1) as pool, locked(tmp_path) as lock:
        code = pool.submit(children.run, stubborn, lock)
        assert os.read(there, 1) == b"!"
        os.kill(os.getpid(), signal.SIGINT)
        assert os.read(there, 1) == b"x"  # it was told to end
        assert not code.done()
        os.kill(os.getpid(), signal.SIGINT)
        assert code.result() == -signal.SIGKILL
        assert children.stopped


def test_a_child_may_end_well_on_sigterm_and_its_code_is_returned(tmp_path: Path):
    with Children() as children, locked(tmp_path) as lock:
        assert children.run(python("raise SystemExit(7)"), lock) == 7
        ending = (
            "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]);"
            f"os.kill({os.getpid()}, signal.SIGTERM); signal.sigwait([signal.SIGTERM]); raise SystemExit(3)"
        )
        assert children.run(python(ending), lock) == 3


PARENT = """
import sys
from pathlib import Path
from lit_mstar.commands.children import Children, locked
with Children() as children, locked(Path(sys.argv[1])) as lock:
    child = "print('working', flush=True); input(); open(r'{result}', 'w').write('done')"
    children.run([sys.executable, "-c", child], lock)
"""


def test_the_next_one_waits_for_the_child_of_a_killed_parent(tmp_path: Path):
    result = tmp_path / "result"
    command = [*python(PARENT.format(result=result)), str(tmp_path / "folder")]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdin is not None
    assert parent.stdout.readline() == "working\n"
    parent.kill()
    assert parent.wait() == -signal.SIGKILL

    code = (
        "from pathlib import Path; from lit_mstar.commands.children import locked\n"
        f"with locked(Path({str(tmp_path / 'folder')!r})): print(Path({str(result)!r}).read_text())"
    )
    with subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True) as second:
        assert second.stdout is not None
        assert "another process works there; waiting for it" in second.stdout.readline()
        parent.stdin.write("\n")  # the child reads it, and ends
        parent.stdin.flush()
        assert second.stdout.readline() == "done\n"
    parent.stdin.close()
    parent.stdout.close()


def test_threads_of_one_process_exclude_each_other_too(tmp_path: Path):
    entered: list[int] = []

    def enter() -> None:
        with locked(tmp_path):
            entered.append(2)

    with locked(tmp_path):
        other = threading.Thread(target=enter)
        other.start()
        entered.append(1)
    other.join()
    assert entered == [1, 2]


def test_a_log_is_appended_to_with_both_outputs(tmp_path: Path):
    log = tmp_path / "log.txt"
    with Children() as children, locked(tmp_path) as lock:
        for word in ("first", "second"):
            code = f"import sys; print('{word}', flush=True); print('{word} error', file=sys.stderr)"
            assert children.run(python(code), lock, log) == 0
    assert log.read_text() == "first\nfirst error\nsecond\nsecond error\n"
