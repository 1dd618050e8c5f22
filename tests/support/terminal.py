"""A real pseudo-terminal with a command in it: what is typed reaches it as keys do, what it draws becomes a screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

_WIDTH = 150
_TESTS = Path(__file__).parents[1]  # where configs find callbacks of tests
_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)|\x1b.")


class Terminal:
    """`lit-mstar ARGS` in a terminal of its own, 150 columns wide.

    Args:
        cwd: Where it is started.
        args: Of the command.
    """

    def __init__(self, cwd: Path, *args: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            environment = os.environ | {"PYTHONPATH": str(_TESTS), "OMP_NUM_THREADS": "1", "TERM": "xterm-256color"}
            command = [sys.executable, "-m", "lit_mstar", *args]
            os.execve(sys.executable, command, environment)  # noqa: S606  # in the child of a fork
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, _WIDTH, 0, 0))
        self.output = ""
        self.code: int | None = None

    def until(self, text: str) -> None:
        """Reads until a text has been written.

        Raises:
            AssertionError: If the command ends without.
        """
        while text not in self.output:
            assert self._read(), self.output[-3000:]

    def press(self, keys: str) -> None:
        """Types; "\\x03" is Ctrl-C, which reaches all processes of the terminal."""
        os.write(self.fd, keys.encode())

    def end(self) -> int:
        """Reads until the command ends; returns its exit code."""
        while self._read():
            pass
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self.fd)
        return self.code

    def lines(self) -> list[str]:
        """The lines that are there in the end: what was drawn over or erased is gone."""
        return screen(self.output)

    def _read(self) -> bool:
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the command has ended
            return False
        self.output += data.decode(errors="replace")
        return bool(data)


def screen(output: str) -> list[str]:
    """The lines that a terminal of endless height shows after some output, as far as `rich` makes use of it."""
    rows, row, column = [""], 0, 0
    for code, kind, back, down, text in _TOKEN.findall(output):
        if back:
            column = 0
        elif down:
            row, column = row + 1, 0
            rows += [""] * (row + 1 - len(rows))
        elif text:
            rows[row] = rows[row][:column].ljust(column) + text + rows[row][column + len(text) :]
            column += len(text)
        elif kind == "A":
            row = max(row - int(code or 1), 0)
        elif kind == "K":
            rows[row] = "" if code == "2" else rows[row][:column]
    return [line.rstrip() for line in rows]
