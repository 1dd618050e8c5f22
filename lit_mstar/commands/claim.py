"""Whose a folder is: one run, one process at a time, and nothing finished is replaced without being asked."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from jsonargparse import Namespace

_LOCK = ".claim"
_MEASURING = ("validate", "test", "predict")


class Claim:
    """A folder that this process works in, until it is let go of; the kernel lets go for a process that was killed."""

    def __init__(self) -> None:
        self._lock: IO[bytes] | None = None

    def take(self, folder: Path, resumes: bool, overwrite: bool = False) -> None:
        """Takes a folder for a run.

        Args:
            folder: Of the run.
            resumes: The run goes on with what is in it.
            overwrite: A run that is in it is moved aside, to `NAME.replaced-1`.

        Raises:
            ValueError: If another process works in it, or it holds a run that is neither gone on with nor replaced.
        """
        self.hold(folder)
        if resumes or not holds_run(folder):
            return
        state = "a finished run" if (folder / "summary.json").exists() else "a run that was broken off"
        if not overwrite:
            raise ValueError(
                f"{folder} holds {state}, which would be replaced. To go on with it: --ckpt_path last; to begin anew: "
                "--out ANOTHER_FOLDER, or --overwrite true, which moves it aside."
            )
        self.release()
        print(f"{folder} held {state}; it is now {aside(folder)}", flush=True)
        self.hold(folder)

    def release(self) -> None:
        """Lets go of the folder."""
        if self._lock:
            self._lock.close()
        self._lock = None

    def hold(self, folder: Path) -> None:
        """Keeps other processes from working in a folder.

        Raises:
            ValueError: If one does already.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / _LOCK).open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise ValueError(
                f"{folder}: another process works there. Wait for it, end it, or take another folder: --out FOLDER."
            ) from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):  # a file system without locks
                raise


def is_held(lock: Path) -> bool:
    """Whether a process holds a lock file; nothing is created, and nobody is kept waiting."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or locks are unknown here
        return False
    return False


def holds_run(folder: Path) -> bool:
    """Whether a run has left results, checkpoints or rollouts in a folder."""
    places = ("summary.json", "checkpoints/*", "rollouts/iteration=*")
    return any(next(folder.glob(place), None) is not None for place in places)


def aside(folder: Path) -> Path:
    """Renames a folder to one that is free, `NAME.replaced-1` or a higher number; returns it.

    Raises:
        ValueError: If it is the current one.
    """
    if folder.resolve() == Path.cwd():
        raise ValueError("The current folder holds a run, and cannot be moved aside; give another: --out FOLDER.")
    number = 1
    while (free := folder.with_name(f"{folder.name}.replaced-{number}")).exists():
        number += 1
    return folder.rename(free)


def place(config: Namespace, subcommand: str, out: str | None) -> None:
    """Changes a subcommand's parsed config so that all it writes goes to one folder.

    `out` takes the place of `trainer.default_root_dir`, and what the trainer (or an annotator) would write below that
    goes along. Without it, what only measures a model does not write among the files of the run that trained it, but
    into a folder of its own there: `RUN/test`.
    """
    before = os.path.normpath(config.trainer.get("default_root_dir") or ".")
    if out is None:
        if subcommand not in _MEASURING or not holds_run(Path(before)):
            return
        out = str(Path(before, subcommand))
    _move(config.trainer, before, out)
    config.trainer.default_root_dir = out
    if subcommand == "annotate":
        _move(config.model.init_args, before, out, only="folder")


def _move(part: Any, before: str, out: str, only: str | None = None) -> None:
    for key, value in _items(part):
        if isinstance(value, (str, Path)) and only in (None, key):
            path = os.path.normpath(value)
            if path == before or path.startswith(before + os.sep):
                part[key] = type(value)(os.path.normpath(os.path.join(out, os.path.relpath(path, before))))
        elif only is None:
            _move(value, before, out)


def _items(part: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(part, Namespace):
        part = vars(part)
    if isinstance(part, dict):
        yield from list(part.items())
    elif isinstance(part, list):
        yield from enumerate(part)
