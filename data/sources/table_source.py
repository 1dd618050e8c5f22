"""Any data set as a table: Parquet, TSV, CSV, JSON, from files, folders of shards, or the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from lit_mstar.data.sources.bad_rows import RowError
from lit_mstar.data.sources.columns import Columns
from lit_mstar.data.sources.file_source import FileSource
from lit_mstar.data.sources.hub import hub_rows
from lit_mstar.data.sources.row_source import Row, RowSource
from lit_mstar.data.sources.source import Split
from lit_mstar.data.sources.tables import files_of, read_rows

AnswerIs = Literal["given", "index", "letter", "option"]
_LOOKED_AT = 64  # rows in which columns are looked for, ours


class TableSource(FileSource):
    """Problems from tables, one file, or folder of files, per split; their kind is told by their suffix.

    Args:
        columns: Which columns hold what.
        answer_is: What the answer column holds: "given" (a text, a number, a list of accepted ones), the "index" of an
            option counted from 0, its "letter", or its text ("option").
        **files: As for `FileSource`.
    """

    suffixes: tuple[str, ...] = ()
    """Those of files that it takes; all that can be read where this is empty."""

    def __init__(self, columns: Columns = Columns(), answer_is: AnswerIs = "given", **files: Any) -> None:
        super().__init__(**files)
        self.columns = columns
        self.answer_is = answer_is

    def read(self, path: Path, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """See `FileSource.read`.

        Raises:
            ValueError: If a file is of another kind, or has no column of a given name.
        """
        for file in [path] if path.is_file() else _shards(path, split):
            if self.suffixes and file.suffix.lower() not in self.suffixes:
                raise ValueError(f"{file} is none of {', '.join(self.suffixes)}; take TableSource, or another file.")
            yield from mapped(read_rows(file), self.columns, self.answer_is, str(file))


class ParquetSource(TableSource):
    """`TableSource` for Parquet, with images as `{"bytes": …, "path": …}`, bytes, or paths."""

    suffixes = (".parquet",)


class TsvSource(TableSource):
    """`TableSource` for tab- or comma-separated files, with images as base64 or paths, as VLMEvalKit's are."""

    suffixes = (".tsv", ".csv")


class HFSource(RowSource):
    """Problems from the Hugging Face hub, or a folder in its layout, read by `datasets` (`lit-mstar[data]`).

    Args:
        path: "owner/name", or a local folder.
        splits: Which of its splits is which of ours: `{train: train, test: testmini}`.
        name: The configuration, where it has several.
        revision: A commit, so that nothing changes under a run; the newest otherwise.
        streaming: Read rows as they are needed, without fetching all first.
        columns: As for `TableSource`.
        answer_is: As for `TableSource`.
        **checks: As for `RowSource`.
    """

    def __init__(
        self,
        path: str,
        splits: dict[Split, str],
        name: str | None = None,
        revision: str | None = None,
        streaming: bool = False,
        columns: Columns = Columns(),
        answer_is: AnswerIs = "given",
        **checks: Any,
    ) -> None:
        super().__init__(**checks)
        self.path = path
        self.splits = splits
        self.name = name
        self.revision = revision
        self.streaming = streaming
        self.columns = columns
        self.answer_is = answer_is

    def raw(self, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """See `RowSource.raw`."""
        if split not in self.splits:
            return
        rows = hub_rows(self.path, self.splits[split], self.name, self.revision, self.streaming)
        yield from mapped(rows, self.columns, self.answer_is, self.path)


def mapped(
    rows: Iterator[tuple[str, Row | ValueError]], columns: Columns, answer_is: AnswerIs, where: str
) -> Iterator[tuple[str, Row | ValueError]]:
    """Rows in `JsonlSource`'s fields; the columns' names are looked for in the first rows together.

    In JSON, a row need not have what others have.

    Raises:
        ValueError: If none of the first rows has a column of a given name.
    """
    first = list(islice(rows, _LOOKED_AT))
    names = dict.fromkeys(name for _, row in first if not isinstance(row, ValueError) for name in row)
    if names:
        columns.check(names, where)
    return in_fields(chain(first, rows), lambda row: columns.fields(row, answer_is))


def in_fields(
    rows: Iterable[tuple[str, Row | ValueError]],
    fields: Callable[[Row], Row],
    part: Callable[[Row], str] = lambda row: "",
) -> Iterator[tuple[str, Row | ValueError]]:
    """Rows turned into fields one by one; what is wrong with a row takes its place.

    Args:
        rows: As they are read.
        fields: A row in `JsonlSource`'s fields.
        part: Which part of the data set a row belongs to that has no fields.
    """
    for where, row in rows:
        if isinstance(row, ValueError):
            yield where, row
            continue
        try:
            yield where, fields(row)
        except ValueError as error:
            yield where, RowError(error, part(row))


def _shards(folder: Path, split: Split) -> list[Path]:
    """All tables of a folder; where these are of several splits, those that are named for this one."""
    try:
        return files_of(folder, "val" if split == "validate" else split)
    except ValueError:
        return files_of(folder, "")
