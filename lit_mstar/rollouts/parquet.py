"""Rollouts as Parquet tables: a row is a response."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lit_mstar.rollouts.nouns import Problem, Response, Rollout

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
        "rule": pa.string(),
        "step_scores": pa.list_(pa.float64()),
        "score": pa.float64(),
        "selected": pa.bool_(),
    }
)
_FIELDS = [field.name for field in fields(Response)]
_LATER = {"rule": ""}  # columns that ledgers of before do not have, and what stands for them


def to_table(rollouts: Sequence[Rollout]) -> pa.Table:
    """The rollouts' responses, in order.

    Raises:
        ValueError: If a callback has left in them what a ledger has no place for.
    """
    rows = [row for rollout in rollouts for row in _rows(rollout)]
    try:
        return pa.Table.from_pylist(rows, schema=SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        for name in SCHEMA.names:
            _column(rows, name)
        raise ValueError(str(error)) from error


def from_table(table: pa.Table, problems: Sequence[Problem]) -> list[Rollout]:
    """What a table holds of the problems, in the problems' order."""
    by_problem: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in table.to_pylist():
        by_problem[row["problem_id"]].append(row)
    return [_rollout(problem, by_problem[problem.id]) for problem in problems if problem.id in by_problem]


def read_table(file: Path, group: int = 0) -> pa.Table:
    """One row group of a file.

    Raises:
        OSError, ValueError: If it is not whole or has other columns (pyarrow's errors are subclasses).
    """
    with pq.ParquetFile(file) as parquet:
        _require_columns(parquet.schema_arrow)
        there = set(parquet.schema_arrow.names)
        table = parquet.read_row_group(group, [name for name in SCHEMA.names if name in there])
        for name in _LATER.keys() - there:
            table = table.append_column(name, pa.array([_LATER[name]] * len(table), SCHEMA.field(name).type))
        return table.select(SCHEMA.names).cast(SCHEMA)


def problem_ids(file: Path) -> list[set[str]]:
    """The problems that each row group of a file has responses of; reads one column.

    Raises:
        OSError, ValueError: As `read_table`.
    """
    with pq.ParquetFile(file) as parquet:
        _require_columns(parquet.schema_arrow)
        groups = range(parquet.num_row_groups)
        columns = (parquet.read_row_group(group, ["problem_id"])["problem_id"] for group in groups)
        return [set(column.unique().to_pylist()) for column in columns]


def _require_columns(schema: pa.Schema) -> None:
    for field in SCHEMA:
        found = schema.field(field.name).type if field.name in schema.names else None
        if found is None and field.name in _LATER:
            continue
        if found != field.type:
            raise ValueError(f"column {field.name} is {found or 'missing'}; a ledger's is {field.type}")


def _column(rows: Sequence[dict[str, Any]], name: str) -> None:
    """Finds the row whose value does not fit its column."""
    for row in rows:
        try:
            pa.array([row[name]], SCHEMA.field(name).type)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise ValueError(
                f"Problem {row['problem_id']}: response {row['index']} has {name} {row[name]!r}, which is no "
                f"{SCHEMA.field(name).type}; a callback has left it so."
            ) from None


def _rows(rollout: Rollout) -> Iterator[dict[str, Any]]:
    problem, selected = rollout.problem, _selected(rollout)
    for index, response in enumerate(rollout.responses):
        yield vars(response) | {
            "problem_id": problem.id,
            "question": problem.question,
            "reference": problem.answer,
            "index": index,
            "selected": index in selected,
        }


def _selected(rollout: Rollout) -> set[int]:
    """The responses that a callback has selected.

    Raises:
        ValueError: If there are no such responses: they would be lost without a word.
    """
    numbers = range(len(rollout.responses))
    if not isinstance(rollout.selected, Iterable):
        raise ValueError(
            f"Problem {rollout.problem.id}: a callback has made rollout.selected {rollout.selected!r}; it is a list."
        )
    if unknown := [index for index in rollout.selected if index not in numbers]:
        raise ValueError(
            f"Problem {rollout.problem.id}: a callback has put {unknown} into rollout.selected; its responses are "
            f"numbered 0 to {len(numbers) - 1}. Selected are their places in rollout.responses."
        )
    return set(rollout.selected)


def _rollout(problem: Problem, rows: list[dict[str, Any]]) -> Rollout:
    return Rollout(
        problem=problem,
        responses=[Response(**{name: row[name] for name in _FIELDS}) for row in rows],
        selected=[row["index"] for row in rows if row["selected"]],
    )
