"""The ledger: every rollout on disk, in Parquet, as it arrives.

    rollouts/iteration=0003/part-….parquet     one file per batch of finished problems, while sampling
                            rollouts.parquet   everything, with scores and selection, once rewarded
                            _iteration.json    what was asked for, and what callbacks measured

A row is a response; pandas reads `rollouts/` as it is. Whole files only: each is renamed when complete. Neither
writing nor reading holds more than a chunk of responses in memory.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lit_mstar.files import atomic
from lit_mstar.rollouts.nouns import Iteration, Problem, Rollout
from lit_mstar.rollouts.parquet import SCHEMA, problem_ids, read_table, to_table
from lit_mstar.rollouts.stored import StoredRollouts

_WHOLE = "rollouts.parquet"
CHUNK = 512  # responses, ours: what is written to one part, and what is in memory when rollouts are read


class Ledger:
    """The rollouts of one run.

    Args:
        folder: Usually `<run>/rollouts`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, iteration: Iteration, fingerprint: str, marking: str = "", weights: str = "") -> None:
        """Begins an iteration, or finds what an earlier run left of it.

        Rollouts of the same problems, parameters and weights (the fingerprint) are used again; others belong to
        another run or other data and are moved aside, not deleted. Where they were marked in another way (`marking`),
        this is noted, and holds until `reward`: some of them may be marked in the new way by then, and some not.
        The digest of the weights is only noted, for whoever asks where a response comes from.
        """
        folder = self._path(iteration.index)
        self._tidy(folder)
        if folder.exists() and self.header(iteration.index).get("fingerprint") != fingerprint:
            aside = next(p for k in count(1) if not (p := folder.with_name(f"_replaced-{k}-{folder.name}")).exists())
            warnings.warn(
                f"{folder} holds rollouts of another run or of other data; moved to {aside.name}.", stacklevel=2
            )
            folder.rename(aside)
        if not folder.exists():
            header = {"index": iteration.index, "fingerprint": fingerprint, "weights": weights, "marking": marking}
            waves = {"waves": asdict(iteration.waves)} if iteration.waves else {}
            self._write_header(iteration.index, header | {"sampling": asdict(iteration.sampling)} | waves)
        elif self.header(iteration.index).get("marking") != marking:
            self.note_marking(iteration.index, "")

    def append(self, index: int, rollouts: Sequence[Rollout]) -> None:
        """Adds finished problems in a file of their own, named after the first of them."""
        name = hashlib.sha256(rollouts[0].problem.id.encode()).hexdigest()[:16]  # an id may hold any character
        with atomic(self._path(index) / f"part-{name}.parquet") as partial:
            pq.write_table(to_table(rollouts), partial)

    def fill(self, iteration: Iteration, rollouts: Iterable[Rollout]) -> int:
        """Adds finished problems as they come, a chunk a file; if their source fails, what it gave is kept.

        Returns:
            How many there were.
        """
        waiting: list[Rollout] = []
        number = 0
        try:
            for number, rollout in enumerate(rollouts, 1):
                waiting.append(rollout)
                if len(waiting) == chunk_size(iteration.sampling.n):
                    self.append(iteration.index, waiting)
                    waiting = []
        finally:  # an engine may fail at any moment
            if waiting:
                self.append(iteration.index, waiting)
        return number

    def sampled(self, index: int) -> set[str]:
        """The ids of the problems that are there."""
        return set().union(*_sources(self.files(index)).values())

    def read(self, iteration: Iteration) -> StoredRollouts:
        """What is there of the iteration's problems, in their order, read a chunk at a time."""
        index = iteration.index
        return rollouts_in(self.files(index), iteration.problems, iteration.sampling.n, self._path(index))

    def tables(self, index: int) -> Iterator[pa.Table]:
        """All that is there of an iteration, as it lies there, a row group at a time."""
        for file, group in _sources(self.files(index)):
            yield read_table(file, group)

    def is_rewarded(self, index: int) -> bool:
        """Whether the iteration's responses were scored and selected already."""
        return (self._path(index) / _WHOLE).exists()

    def is_marked(self, index: int, marking: str) -> bool:
        """Whether all of the iteration's responses are marked in this way."""
        return self.header(index).get("marking") == marking

    def note_marking(self, index: int, marking: str) -> None:
        """Writes down how an iteration is marked; "" for nobody knows."""
        self._write_header(index, self.header(index) | {"marking": marking})

    def files(self, index: int) -> list[Path]:
        """The Parquet files of an iteration."""
        whole = self._path(index) / _WHOLE
        return [whole] if whole.exists() else sorted(self._path(index).glob("part-*.parquet"))

    def reward(self, iteration: Iteration, marking: str = "", tables: Iterable[pa.Table] | None = None) -> None:
        """Replaces what is there by one file with marks, scores and selection, a row group per chunk.

        The chunks are the iteration's rollouts, unless they are given as tables.
        """
        self.record(iteration)
        folder, size = self._path(iteration.index), chunk_size(iteration.sampling.n)
        if tables is None:
            starts = range(0, len(iteration.rollouts), size)
            tables = (to_table(iteration.rollouts[start : start + size]) for start in starts)
        with atomic(folder / _WHOLE) as partial, pq.ParquetWriter(partial, SCHEMA) as file:
            for table in tables:
                file.write_table(table)
        for part in folder.glob("part-*.parquet"):
            part.unlink()
        self.note_marking(iteration.index, marking)  # last: until then, what is there may be marked otherwise

    def record(self, iteration: Iteration) -> None:
        """Writes the iteration's metrics into its header."""
        self._write_header(iteration.index, self.header(iteration.index) | {"metrics": iteration.metrics})

    def header(self, index: int) -> dict[str, Any]:
        """What was asked for in an iteration and what was measured: `_iteration.json`."""
        file = self._path(index) / "_iteration.json"
        try:
            header = json.loads(file.read_text()) if file.exists() else {}
        except (ValueError, RecursionError):  # damaged, or a stranger's: its rollouts count as another run's
            return {}
        return header if isinstance(header, dict) else {}

    def headers(self) -> list[dict[str, Any]]:
        """The headers of all iterations, in order."""
        indices = sorted(int(folder.name.partition("=")[2]) for folder in self.folder.glob("iteration=*"))
        return [self.header(index) for index in indices]

    def _path(self, index: int) -> Path:
        return self.folder / f"iteration={index:04d}"

    def _tidy(self, folder: Path) -> None:
        """Removes what a killed process left half-way, and moves damaged files aside: they are sampled again."""
        for scratch in folder.glob("_scratch-*"):
            shutil.rmtree(scratch)
        for leftover in (*folder.glob(".*.partial"), *(folder.glob("part-*") if (folder / _WHOLE).exists() else ())):
            leftover.unlink()
        for file in folder.glob("[!_.]*.parquet"):
            try:
                problem_ids(file)
            except (OSError, ValueError) as error:  # pyarrow's errors are subclasses
                aside = file.with_name(f"_damaged-{file.name}")
                warnings.warn(
                    f"{file} cannot be read ({error}); moved to {aside.name} and sampled again.", stacklevel=3
                )
                file.rename(aside)

    def _write_header(self, index: int, header: dict[str, Any]) -> None:
        with atomic(self._path(index) / "_iteration.json") as partial:
            partial.write_text(json.dumps(header, indent=1))


def rollouts_in(
    files: Iterable[Path],
    problems: Sequence[Problem],
    n: int,
    folder: Path,
    scratch: TemporaryDirectory[str] | None = None,
) -> StoredRollouts:
    """What Parquet files hold of problems with n responses each, in the problems' order, read a chunk at a time.

    Args:
        files: Of any rows, in any order.
        problems: Those that the files do not have are left out.
        n: Decides how many problems make a chunk.
        folder: As for `StoredRollouts`.
        scratch: As for `StoredRollouts`; the files may lie there.
    """
    sources = _sources(files)
    there = set().union(*sources.values())
    chunks = chunked([problem for problem in problems if problem.id in there], n)

    def load(number: int) -> pa.Table:
        wanted = {problem.id for problem in chunks[number]}
        found = [read_table(*source) for source, ids in sources.items() if ids & wanted]
        table = pa.concat_tables(found)
        return table.filter(pc.is_in(table["problem_id"], pa.array(sorted(wanted))))

    return StoredRollouts(chunks, load, folder, scratch)


def _sources(files: Iterable[Path]) -> dict[tuple[Path, int], set[str]]:
    """What there is to read, as (file, row group), and the problems in each."""
    return {(file, group): ids for file in files for group, ids in enumerate(problem_ids(file))}


def chunked(problems: Sequence[Problem], n: int) -> list[Sequence[Problem]]:
    """Problems with n responses each, divided so that none of the pieces has many more responses than `CHUNK`."""
    return [problems[start : start + chunk_size(n)] for start in range(0, len(problems), chunk_size(n))]


def chunk_size(n: int) -> int:
    """How many problems with n responses each make a chunk."""
    return max(1, CHUNK // n)
