"""Rows of table files, one at a time: Parquet, TSV and CSV, JSON, JSON Lines; a file, or a folder of shards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from lit_mstar.data.sources.jsonl import finite, json_lines, parsed

Row = dict[str, Any]
_BATCH = 64  # rows that are decoded together, ours: images may stand in them
_BLOCK = 64 * 2**20  # bytes, ours; a row of a TSV must fit into one


def read_rows(file: Path) -> Iterator[tuple[str, Row | ValueError]]:
    """Yields ("file:row", fields), rows counted from 1, or what is wrong with a row; a few are in memory at a time.

    Args:
        file: By its suffix: .parquet, .tsv, .csv, .json (one list of objects), .jsonl.

    Raises:
        ValueError: If the file is of no such kind, or not what its suffix says.
    """
    if (reader := _READERS.get(file.suffix.lower())) is None:
        raise ValueError(f"{file} ends in {file.suffix!r}; what can be read ends in {', '.join(_READERS)}.")
    with _whole_file(file):
        yield from reader(file)


def files_of(path: Path, name: str) -> list[Path]:
    """The files of a split: the path itself, or those in the folder, or its `data/`, whose names begin with `name`.

    Raises:
        ValueError: If there are none.
    """
    if path.is_file():
        return [path]
    places = [path, path / "data", path / name]
    for place in places if path.is_dir() else ():
        files = sorted(file for file in place.glob("*") if file.suffix.lower() in _READERS)
        if found := [file for file in files if file.name.lower().startswith(name.lower())]:
            return found
    there = sorted(file.name for place in places for file in place.glob("*") if file.is_file())[:6]
    raise ValueError(f"{path} has no file of {name!r} ({name}*.parquet, …); there is {', '.join(there) or 'nothing'}.")


@contextmanager
def _whole_file(file: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read ({error}); replace it.") from error


def _parquet(file: Path) -> Iterator[tuple[str, Row | ValueError]]:
    with pq.ParquetFile(file) as parquet:
        number = 0
        for batch in parquet.iter_batches(_BATCH):
            for row in batch.to_pylist():
                number += 1
                yield f"{file}:{number}", row


def _separated(file: Path) -> Iterator[tuple[str, Row | ValueError]]:
    separator = _separator(file)
    names = _header(file, separator)
    parse = csv.ParseOptions(delimiter=separator, newlines_in_values=True)
    # All as texts: "007" is no number, and "NA" may be an answer.
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    number = 0
    with closing(csv.open_csv(file, csv.ReadOptions(block_size=_BLOCK), parse, convert)) as reader:
        for batch in reader:
            for row in (
                row for start in range(0, len(batch), _BATCH) for row in batch.slice(start, _BATCH).to_pylist()
            ):
                number += 1
                yield f"{file}:{number}", row


def _lines(file: Path) -> Iterator[tuple[str, Row | ValueError]]:
    for where, line in json_lines(file):
        try:
            yield where, parsed(line)
        except ValueError as error:
            yield where, error


def _json(file: Path) -> Iterator[tuple[str, Row | ValueError]]:
    """One JSON list, an object that has nothing else than one, or an object of rows by their ids."""
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"), parse_float=finite, parse_constant=_null)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not valid JSON in UTF-8 ({error}); correct it.") from error
    if isinstance(found, dict) and len(found) == 1 and isinstance(only := next(iter(found.values())), list):
        found = only
    if isinstance(found, dict) and found and all(isinstance(row, dict) for row in found.values()):
        found = [{"id": key} | row for key, row in found.items()]
    if not isinstance(found, list):
        raise ValueError(f"{file} holds {type(found).__name__}; it must be a list of rows [{{…}}, …].")
    for number, row in enumerate(found, start=1):
        wrong = ValueError(f"a row must be an object {{…}}, not {type(row).__name__}.")
        yield f"{file}:{number}", row if isinstance(row, dict) else wrong


def _null(constant: str) -> float | None:
    return None if constant == "NaN" else finite(constant)


def _separator(file: Path) -> str:
    return "\t" if file.suffix.lower() == ".tsv" else ","


def _header(file: Path, separator: str) -> list[str]:
    with file.open(encoding="utf-8-sig") as lines:
        head = lines.readline(_BLOCK).rstrip("\r\n")
    return [name.strip('"') for name in head.split(separator)]


_READERS: dict[str, Callable[[Path], Iterator[tuple[str, Row | ValueError]]]] = {
    ".parquet": _parquet,
    ".tsv": _separated,
    ".csv": _separated,
    ".json": _json,
    ".jsonl": _lines,
}
SUFFIXES = tuple(_READERS)
