"""Files that a config reads: data, and what earlier stages make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lit_mstar.files import missing_input

_DATA_FILE = re.compile(r"[^*?\[]+\.(jsonl|json|parquet|tsv|csv)")
_WRITTEN = ("division",)  # of files that a source makes where they are not there
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
        is_data = where == "data" and path[-1] not in _WRITTEN and _DATA_FILE.fullmatch(text) and "://" not in text
        if is_data and not file.exists():
            place = ".".join((where, *(key for key in path if key != "init_args")))
            raise ValueError(f"{place}: {text} does not exist.{nearest(file)}")
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
    raise ValueError(
        f"--ckpt_path {given} does not exist; last is the newest in the run's folder.{nearest(Path(given))}"
    )


def nearest(path: Path) -> str:
    """A suggestion of what is there instead of a path, to be put behind a message; nothing where none is near."""
    here = Path(path.anchor)
    for name in path.parts[len(here.parts) :]:
        if (here / name).exists():
            here /= name
        elif near := get_close_matches(name, _names(here), 1):
            here /= near[0]
        else:
            return ""
    return f" Did you mean {str(here)!r}?"


def _names(folder: Path) -> list[str]:
    try:
        return [file.name for file in folder.iterdir()]
    except OSError:  # no folder, or none that may be read
        return []


def _texts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str) and path:
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, path)
