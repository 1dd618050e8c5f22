"""Files that must be whole or not there, and what to say when one is missing, or of an error."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`, for a file or a folder; renames it when the block ends without error.

    Who may read it, the process's umask says: libraries write some files for their owner alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        _let_read(partial)
        if path.is_dir() and partial.exists():
            shutil.rmtree(path)  # a folder cannot be renamed onto one that is not empty
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial) if partial.is_dir() else partial.unlink(missing_ok=True)


def _let_read(path: Path) -> None:
    os.umask(mask := os.umask(0))
    for file in path.rglob("*") if path.is_dir() else [path] if path.exists() else []:
        if file.is_file() and not file.is_symlink():
            file.chmod(file.stat().st_mode | (0o666 & ~mask))


def first_line(error: BaseException) -> str:
    """What an error says first, with its last line where that only announces it; its kind, where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return f"{lines[0]} {lines[-1]}" if lines[0].endswith(":") and lines[1:] else lines[0]


def missing_input(path: str | Path, wanted: str) -> str:
    """The error for an input that an earlier stage of a recipe should have made.

    A run's files lie in `runs/<recipe>/<stage>/…`, so the path itself says which stage makes them.
    """
    message = f"{path} is not {wanted}."
    for stage in Path(path).parents:
        if re.match(r"\d+-\w", stage.name):
            config = f"configs/{stage.parent.name}/{stage.name}.yaml"
            command = f"lit-mstar {stage_command(stage.name)} --config {config}"
            return f"{message} Stage {stage.name} makes it: run `{command}` first."
    return f"{message} Correct the path, or run the stage that makes it first."


def stage_command(stage: str) -> str:
    """The subcommand that runs a recipe's stage: `annotate` for `2-annotate`, `fit` for all others."""
    return "annotate" if stage.partition("-")[2] == "annotate" else "fit"
