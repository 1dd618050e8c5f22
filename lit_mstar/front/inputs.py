"""Files that a config reads: data, and what earlier stages make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lit_mstar.files import missing_input
from lit_mstar.front.described import meant

_DATA_FILE = re.compile(r"[^*?\[]+\.(jsonl|json|parquet|tsv|csv)")
_OF_A_STAGE = re.compile(r"(^|/)\d+-\w")


def check_inputs(value: Any, where: str) -> None:
    """Looks whether they are there.

    Args:
        value: What a config says of the model, the data or the trainer.
        where: Which of these it is.

    Raises:
        ValueError: If one is not.
    """
    for path, text in _texts(value):
        file = Path(text)
        if where == "data" and _DATA_FILE.fullmatch(text) and "://" not in text and not file.exists():
            place = ".".join((where, *(key for key in path if key != "init_args")))
            raise ValueError(f"{place}: {text} does not exist.{meant(file.name, beside(file))}")
        read = path[-1] in ("path", "prm") or (where == "data" and path[-1] == "folder")
        if read and _OF_A_STAGE.search(text) and not file.exists():
            raise ValueError(missing_input(text, "there"))


def check_checkpoint(given: str) -> None:
    """Looks whether a checkpoint to go on from is there; names that Lightning resolves, and URLs, are left to it.

    Raises:
        ValueError: If it is not.
    """
    if given in ("last", "best", "hpc") or given.startswith("registry") or "://" in given or Path(given).exists():
        return
    near = meant(Path(given).name, beside(Path(given)))
    raise ValueError(f"--ckpt_path {given} does not exist; last is the newest in the run's folder.{near}")


def beside(file: Path) -> list[str]:
    """The names of what lies beside a file."""
    return [other.name for other in file.parent.iterdir()] if file.parent.is_dir() else []


def _texts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str) and path:
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, path)
