"""How a command ends that did not do what it was asked: what a user can mend in one message, a bug with its traceback.

What our code raises on purpose, by a `raise` of its own, is meant for the user. So is what the operating system says of
a file, what memory does not hold, and what the parser of options says.
"""

from __future__ import annotations

import errno
import linecache
import re
import sys
import traceback
from argparse import ArgumentError
from pathlib import Path
from types import FrameType

USER, BUG = 2, 1  # exit codes
_FILE_ERRORS = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
_OF_DISKS = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG")}
_FRAME = re.compile(
    r"(- )?(Problem with given class_path|Parser key|Does not validate|Subtypes:|Errors:|Given value|Expected a path)"
)
_MANY = 4
_LIBRARIES = ("lightning", "torch", "transformers", "peft", "jsonargparse")  # whose settings a config has
_EXPECTED = "Expected a "
_OF_TYPES = "Does not validate against any of the Union subtypes"
_BY_NAME = {  # of libraries that are not imported for this
    "MisconfigurationException": "",
    "OutOfMemoryError": " Take smaller batches (`lit-mstar plan` estimates them), LoRA, or gradient_checkpointing.",
}


def report(error: Exception, command: str, with_traceback: bool = False) -> int:
    """Prints what went wrong on stderr; returns the exit code.

    Args:
        error: What ended the command.
        command: Its name: "fit".
        with_traceback: Also prints where it was raised.
    """
    if (message := mendable(error)) is None:
        traceback.print_exception(error)
        print(f"\n{_whose(error)}", file=sys.stderr)
        return BUG
    if with_traceback:
        traceback.print_exception(error)
    hint = "" if with_traceback else "\n(--traceback shows where it was raised.)"
    print(f"lit-mstar {command}: {message}{hint}", file=sys.stderr, flush=True)
    return USER


def mendable(error: BaseException) -> str | None:
    """What to tell a user who can do something about it; None for all else."""
    if isinstance(error, ArgumentError):
        return parse_error(str(error.message))
    if str(error).startswith(_OF_TYPES):  # a constructor's own error, in what jsonargparse makes of it
        return parse_error(str(error))
    text = str(error) or type(error).__name__
    if isinstance(error, _FILE_ERRORS) or (isinstance(error, OSError) and error.errno in _OF_DISKS):
        also = " Free some space; the same command goes on." if error.errno in _OF_DISKS else ""
        return f"{error.filename}: {error.strerror}.{also}" if error.filename is not None else f"{text}.{also}"
    if type(error).__name__ in _BY_NAME:
        return text.strip() + _BY_NAME[type(error).__name__]
    room = _on_purpose(error)
    if room == "lit_mstar":
        return text
    refused = room in _LIBRARIES and isinstance(error, ValueError) and _of_a_setting(error)
    return f"{text} (This is what {room} says.)" if refused else None


def parse_error(text: str) -> str:
    """The innermost reason in what jsonargparse says, and the key that it is about, on one line."""
    keys = re.findall(r'Parser key "([^"]+)"', text)
    lines = [line for line in text.splitlines() if line.strip()] or [""]
    reasons = [line for line in lines if _is_reason(line)]
    deepest = max((_depth(line) for line in reasons), default=0)
    found = list(dict.fromkeys(_plain(line) for line in reasons if _depth(line) == deepest))
    others = [reason for reason in found if not reason.startswith(_EXPECTED)]
    if others:  # what a value's class says is more than which other kinds would be taken
        reason = "; ".join(others) if len(others) < _MANY else others[0]  # the rest says what else could be given
    else:
        given = re.findall(r"^\s*Given value: (.*)$", text, re.MULTILINE)
        got = f", not {given[0]!r}" if given and len(keys) == 1 and "Got value" not in "".join(found) else ""
        kinds = " or ".join(reason.removeprefix(_EXPECTED) for reason in found)
        reason = "must be " + kinds.replace(" Got value:", ", not").replace(".,", ",") + got
    place = ".".join(keys)
    return f"{place}: {reason}" if place else reason


def _is_reason(line: str) -> bool:
    return not _FRAME.match(line.strip())


def _depth(line: str) -> int:
    text = line.lstrip()
    return len(line) - len(text) + (2 if text.startswith("- ") else 0)


def _plain(line: str) -> str:
    line = re.sub(r"<class '(?:[\w.]*\.)?(\w+)'>", r"\1", line.strip().removeprefix("- "))
    return line.replace("NoneType", "null").rstrip(".")


def _on_purpose(error: BaseException) -> str:
    """The package whose own `raise` raised it; nothing if it just happened."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames or not isinstance(error, (ValueError, RuntimeError, OSError, ImportError, FloatingPointError)):
        return ""
    frame, line = frames[-1]
    meant = linecache.getline(frame.f_code.co_filename, line).lstrip().startswith("raise ")
    return _package(frame) if meant else ""


def _of_a_setting(error: BaseException) -> bool:
    """Whether it was raised by a constructor, or before Lightning's loops began: later, it may be a bug of ours."""
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    return names[-1] == "__init__" or "_run_stage" not in names


def _package(frame: FrameType) -> str:
    names = frame.f_globals
    return str(names.get("__package__") or names.get("__name__")).partition(".")[0]


def _whose(error: BaseException) -> str:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    last = frames[-1].f_code.co_filename if frames else ""
    of_others = "site-packages" in last or last.startswith(sys.base_prefix)
    if last and not of_others and _package(frames[-1]) != "lit_mstar":
        return f"It was raised in {Path(last).name}, which is no part of lit-mstar."
    return f"This should not happen. Please report it, with the lines above and your config: {_issues()}"


def _issues() -> str:
    from importlib.metadata import PackageNotFoundError, metadata  # slow enough to be seen in `lit-mstar --help`

    try:
        links = metadata("lit-mstar").get_all("Project-URL") or []
    except PackageNotFoundError:
        links = []
    return next((link.partition(", ")[2] for link in links if link.startswith("Issues")), "the project's issues")
