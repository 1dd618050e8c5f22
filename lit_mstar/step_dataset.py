"""Labelled steps on disk: Parquet in the stepwise format that reward trainers read, images included.

A row is a chain: `prompt`, `completions` (its steps), `labels` (one per step), and beside them the problem's id,
split, choices, answer and images (bytes or path), and the steps' truth where the source knows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lit_mstar.files import atomic
from lit_mstar.rollouts import Problem
from lit_mstar.step_encoding import StepExample

_SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "split": pa.string(),
        "prompt": pa.string(),
        "completions": pa.list_(pa.string()),
        "labels": pa.list_(pa.float64()),
        "truth": pa.list_(pa.bool_()),  # null where nobody can tell
        "choices": pa.list_(pa.string()),
        "answer": pa.string(),
        "images": pa.list_(pa.struct({"bytes": pa.binary(), "path": pa.string()})),
    }
)
_FINGERPRINT = b"fingerprint"


def write_steps(file: Path, split: str, examples: Sequence[StepExample], fingerprint: bytes) -> None:
    """Writes one file; `fingerprint` says what it was made from."""
    rows = [_row(example) | {"split": split} for example in examples]
    with atomic(file) as partial:
        schema = _SCHEMA.with_metadata({_FINGERPRINT: fingerprint})
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), partial)


def read_steps(file: Path) -> list[tuple[str, StepExample]]:
    """Reads what `write_steps` wrote: (split, example) of every row."""
    table = pq.read_table(file, schema=_SCHEMA, partitioning=None)
    return [(row["split"], _example(row)) for row in table.to_pylist()]


def read_fingerprint(file: Path) -> bytes | None:
    """What a file was made from."""
    return (pq.read_schema(file).metadata or {}).get(_FINGERPRINT)


def _row(example: StepExample) -> dict[str, Any]:
    problem = example.problem
    return {
        "id": problem.id,
        "prompt": problem.question,
        "completions": example.steps,
        "labels": example.labels,
        "truth": example.truth,
        "choices": list(problem.choices),
        "answer": problem.answer,
        "images": [
            {"bytes": image, "path": None} if isinstance(image, bytes) else {"bytes": None, "path": image}
            for image in problem.images
        ],
    }


def _example(row: dict[str, Any]) -> StepExample:
    problem = Problem(
        id=row["id"],
        question=row["prompt"],
        images=tuple(image["path"] if image["bytes"] is None else image["bytes"] for image in row["images"]),
        answer=row["answer"],
        choices=tuple(row["choices"]),
    )
    return StepExample(problem=problem, steps=row["completions"], labels=row["labels"], truth=row["truth"])
