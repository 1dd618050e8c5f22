"""What a run's folder holds: its stages, finished or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from lit_mstar.commands.claim import is_held
from lit_mstar.front.recipe import read_config
from lit_mstar.modules.tested import TESTED
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.parquet import read_table

_LEFT = ("config.yaml", "stage.yaml", "summary.json", "rollouts")
_LOCKS = (".lock", ".claim")
_TRIES = 3

T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """A stage's folder, or that of a run that is one stage.

    Args:
        folder: Where it is.
        damaged: Files of responses that could not be read so far.
    """

    folder: Path
    damaged: set[str] = field(default_factory=set, hash=False, compare=False)

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.resolve().name

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`summary.json`; empty while the stage isn't complete."""
        return read_json(self.folder / "summary.json")

    @cached_property
    def config(self) -> dict[str, Any]:
        """`config.yaml`, with all defaults; empty where there is none, or none that can be read."""
        try:
            return read_config(self.folder / "config.yaml")
        except (OSError, ValueError):
            return {}

    @property
    def ledger(self) -> Ledger:
        """What the stage sampled."""
        return Ledger(self.folder / "rollouts")

    @property
    def tested(self) -> Path:
        """What it answered to the test problems."""
        return self.folder / TESTED

    @property
    def measured(self) -> list[dict[str, Any]]:
        """The headers of its iterations, with their indices, whatever else a damaged one lacks."""
        indices = sorted(int(folder.name.partition("=")[2]) for folder in self.ledger.folder.glob("iteration=*"))
        return [self.ledger.header(index) | {"index": index} for index in indices]

    def tables(self, index: int) -> Iterator[pa.Table]:
        """An iteration's responses, a row group at a time; a file that cannot be read is noted in `damaged`.

        Raises:
            FileNotFoundError: If a file went away meanwhile, as parts do when the iteration is complete.
        """
        for file in self.ledger.files(index):
            try:
                with pq.ParquetFile(file) as rows:
                    groups = rows.num_row_groups
                yield from (read_table(file, group) for group in range(groups))
            except FileNotFoundError:
                raise
            except (OSError, ValueError):  # pyarrow's errors are subclasses
                self.damaged.add(str(file))


@dataclass(frozen=True)
class Run:
    """A run's folder and its stages, in order."""

    folder: Path
    stages: tuple[Stage, ...]

    @cached_property
    def summary(self) -> dict[str, Any]:
        """That of the whole recipe; empty while it isn't complete."""
        return read_json(self.folder / "summary.json")

    @property
    def title(self) -> str:
        """What people call it."""
        note = read_json(self.folder / "run.json")
        return f"{note['recipe']}, seed {note['seed']}" if {"recipe", "seed"} <= note.keys() else self.name

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.resolve().name

    @property
    def state(self) -> str:
        """Finished, running, or broken off."""
        if self.summary:
            return "finished"
        folders = {self.folder, *(stage.folder for stage in self.stages)}
        running = any(is_held(folder / lock) for folder in folders for lock in _LOCKS)
        return "running" if running else "not finished"

    @property
    def notes(self) -> list[str]:
        """What could not be read so far, for people."""
        damaged = sorted(file for stage in self.stages for file in stage.damaged)
        return [f"Without responses of files that cannot be read: {', '.join(damaged)}"] if damaged else []

    @property
    def evolving(self) -> Stage | None:
        """The stage that sampled most iterations, the last among equals."""
        found = [stage for stage in self.stages if stage.measured]
        return max(reversed(found), key=lambda stage: len(stage.measured), default=None)


def settled(read: Callable[[], T]) -> T:
    """What reading gives, once no file goes away meanwhile: an iteration that is completed changes its files.

    Raises:
        FileNotFoundError: If they change again and again.
    """
    for _ in range(_TRIES - 1):
        try:
            return read()
        except FileNotFoundError:
            continue
    return read()


def find_run(folder: Path) -> Run:
    """The run in a folder: of a recipe, or of one stage.

    Raises:
        ValueError: If there is none.
    """
    if (folder / "results.json").is_file():
        raise ValueError(f"{folder} holds results of benchmarks, and no run; `lit-mstar compare` shows two of them.")
    inner = sorted(path.parent for name in _LEFT for path in folder.glob(f"*/{name}"))
    stages = [path for path in dict.fromkeys(inner) if ".replaced-" not in path.name]
    if any((folder / name).exists() for name in ("config.yaml", "rollouts")):
        stages = [folder]
    if not stages:
        raise ValueError(f"{folder} holds no run; name the folder of a run (runs/quickstart), or of one of its stages.")
    return Run(folder, tuple(Stage(path) for path in stages))


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none, or none that can be read."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
