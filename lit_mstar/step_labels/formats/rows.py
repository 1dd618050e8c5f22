"""Rows of other people's files: JSON Lines, a JSON list, Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
KINDS = (".jsonl", ".json", ".parquet")


def read_rows(file: Path) -> Iterator[tuple[int, Row | ValueError]]:
    """The rows of a file, numbered from 1, or what is wrong with one.

    Raises:
        ValueError: If the file cannot be read at all.
    """
    if file.suffix == ".parquet":
        yield from _parquet(file)
        return
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix == ".json":
        yield from enumerate(_listed(text, file), start=1)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, _parsed(line)


def _parsed(line: str) -> Row | ValueError:
    try:
        found = json.loads(line)
    except ValueError as error:
        return ValueError(f"it is no JSON ({error})")
    return found if isinstance(found, dict) else ValueError(f"it is {type(found).__name__}, not an object")


def _listed(text: str, file: Path) -> list[Row | ValueError]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{file} is no JSON ({error}).") from error
    if not isinstance(found, list):
        raise ValueError(f"{file} holds a {type(found).__name__}; it must be a list of rows.")
    return [row if isinstance(row, dict) else ValueError(f"it is {type(row).__name__}, not an object") for row in found]


def _parquet(file: Path) -> Iterator[tuple[int, Row | ValueError]]:
    number = 0
    try:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(batch_size=64):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{file} cannot be read as Parquet ({error}).") from error
