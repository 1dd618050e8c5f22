"""Files that must be whole or not there, and what to say when one is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`; renames it to `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def missing_input(path: str | Path, wanted: str) -> str:
    """The error for an input that an earlier stage of a recipe should have made.

    A run's files lie in `runs/<recipe>/<stage>/…`, so the path itself says which stage makes them.
    """
    message = f"{path} is not {wanted}."
    for stage in Path(path).parents:
        if stage.name[:1].isdigit():
            command = "annotate" if "annotate" in stage.name else "fit"
            config = f"configs/{stage.parent.name}/{stage.name}.yaml"
            return f"{message} Stage {stage.name} makes it: run `lit-mstar {command} --config {config}` first."
    return f"{message} Correct the path, or run the stage that makes it first."
