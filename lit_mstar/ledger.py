"""The ledger: every rollout on disk, in Parquet, as it arrives.

    rollouts/iteration=0003/part-….parquet     one file per batch of finished problems, while sampling
                            rollouts.parquet   everything, with scores and selection, once rewarded
                            _iteration.json    what was asked for, and what callbacks measured

A row is a response; pandas reads `rollouts/` as it is. Whole files only: each is renamed when complete.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from itertools import count, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lit_mstar.files import atomic
from lit_mstar.rollouts import Iteration, Problem, Response, Rollout

SCHEMA = pa.schema(
    {
        "problem_id": pa.string(),
        "question": pa.string(),
        "reference": pa.string(),
        "index": pa.int32(),
        "text": pa.string(),
        "token_ids": pa.list_(pa.int32()),
        "finish_reason": pa.string(),
        "temperature": pa.float64(),
        "steps": pa.list_(pa.string()),
        "answer": pa.string(),
        "correct": pa.bool_(),
        "step_scores": pa.list_(pa.float64()),
        "score": pa.float64(),
        "selected": pa.bool_(),
    }
)


class Ledger:
    """The rollouts of one run.

    Args:
        folder: Usually `<run>/rollouts`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, iteration: Iteration, fingerprint: str) -> None:
        """Begins an iteration, or finds what an earlier run left of it.

        Rollouts of the same problems, parameters and weights (the fingerprint) are used again; others belong to
        another run and are moved aside, not deleted.
        """
        folder = self._path(iteration.index)
        if folder.exists() and self.header(iteration.index).get("fingerprint") != fingerprint:
            aside = next(p for k in count(1) if not (p := folder.with_name(f"_replaced-{k}-{folder.name}")).exists())
            warnings.warn(f"{folder} holds rollouts of another run; moved to {aside.name}.", stacklevel=2)
            folder.rename(aside)
        if not folder.exists():
            header = {"index": iteration.index, "fingerprint": fingerprint, "sampling": asdict(iteration.sampling)}
            self._write_header(iteration.index, header)

    def append(self, index: int, rollouts: Sequence[Rollout]) -> None:
        """Adds finished problems in a file of their own, named after the first of them."""
        name = hashlib.sha256(rollouts[0].problem.id.encode()).hexdigest()[:16]  # an id may hold any character
        self._write(rollouts, self._path(index) / f"part-{name}.parquet")

    def read(self, iteration: Iteration) -> list[Rollout]:
        """What is there of the iteration's problems, in their order."""
        folder = self._path(iteration.index)
        files = [folder / "rollouts.parquet"] if self.is_rewarded(iteration.index) else sorted(folder.glob("part-*"))
        rows = [row for file in files for row in pq.read_table(file, schema=SCHEMA, partitioning=None).to_pylist()]
        by_problem = {key: list(group) for key, group in groupby(rows, itemgetter("problem_id"))}
        return [_rollout(problem, by_problem[problem.id]) for problem in iteration.problems if problem.id in by_problem]

    def is_rewarded(self, index: int) -> bool:
        """Whether the iteration's responses were scored and selected already."""
        return (self._path(index) / "rollouts.parquet").exists()

    def reward(self, iteration: Iteration) -> None:
        """Replaces the parts by one file with scores and selection."""
        self.record(iteration)
        self._write(iteration.rollouts, self._path(iteration.index) / "rollouts.parquet")
        for part in self._path(iteration.index).glob("part-*.parquet"):
            part.unlink()

    def record(self, iteration: Iteration) -> None:
        """Writes the iteration's metrics into its header."""
        self._write_header(iteration.index, self.header(iteration.index) | {"metrics": iteration.metrics})

    def header(self, index: int) -> dict[str, Any]:
        """What was asked for in an iteration and what was measured: `_iteration.json`."""
        file = self._path(index) / "_iteration.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def headers(self) -> list[dict[str, Any]]:
        """The headers of all iterations, in order."""
        indices = sorted(int(folder.name.partition("=")[2]) for folder in self.folder.glob("iteration=*"))
        return [self.header(index) for index in indices]

    def _path(self, index: int) -> Path:
        return self.folder / f"iteration={index:04d}"

    def _write(self, rollouts: Sequence[Rollout], path: Path) -> None:
        table = pa.Table.from_pylist([row for rollout in rollouts for row in _rows(rollout)], schema=SCHEMA)
        with atomic(path) as partial:
            pq.write_table(table, partial)

    def _write_header(self, index: int, header: dict[str, Any]) -> None:
        with atomic(self._path(index) / "_iteration.json") as partial:
            partial.write_text(json.dumps(header, indent=1))


def _rows(rollout: Rollout) -> Iterator[dict[str, Any]]:
    problem = rollout.problem
    for index, response in enumerate(rollout.responses):
        yield vars(response) | {
            "problem_id": problem.id,
            "question": problem.question,
            "reference": problem.answer,
            "index": index,
            "selected": index in rollout.selected,
        }


def _rollout(problem: Problem, rows: list[dict[str, Any]]) -> Rollout:
    names = [field.name for field in fields(Response)]
    return Rollout(
        problem=problem,
        responses=[Response(**{name: row[name] for name in names}) for row in rows],
        selected=[row["index"] for row in rows if row["selected"]],
    )
