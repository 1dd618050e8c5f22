"""A parser of options that ends with one line, and what options may be."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import NoReturn

from lit_mstar.front.described import meant
from lit_mstar.front.inputs import nearest


class Parser(ArgumentParser):
    """Ends with one line that says what is wrong, instead of how the command is used."""

    def error(self, message: str) -> NoReturn:
        """Raises `SystemExit` with the line."""
        unknown = re.findall(r"--[\w-]+", message.partition("unrecognized arguments:")[2])
        near = meant(unknown[0], self._option_string_actions) if unknown else ""
        end = "" if message.endswith((".", "?")) else "."
        raise SystemExit(f"{message}{end}{near} ({self.prog} --help has its options.)")


def existing(text: str) -> Path:
    """A path that is there; the nearest is suggested for one that is not."""
    path = Path(text)
    if not path.exists():
        raise ArgumentTypeError(f"{text} does not exist.{nearest(path)}")
    return path


def positive(text: str) -> int:
    """A number of at least 1."""
    if (number := int(text)) < 1:
        raise ArgumentTypeError(f"{number} is too few; at least 1")
    return number
