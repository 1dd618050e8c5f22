"""What published data sets have in common: where their files are, how many rows they have, what was not verified."""

from __future__ import annotations

import re
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from lit_mstar.data.sources.hub import hub_rows
from lit_mstar.data.sources.row_source import Row, RowSource
from lit_mstar.data.sources.source import Split
from lit_mstar.data.sources.table_source import in_fields
from lit_mstar.data.sources.tables import files_of, read_rows


class PublishedSource(RowSource):
    """A published data set, from a local file or folder, or from the hub.

    Args:
        path: The file or the folder with the files as they are published, or "owner/name" on the hub.
        revision: On the hub, a commit, so that nothing changes under a run.
        on_bad_row: As for `RowSource`; published sets have rows that cannot be used, so they are counted by default.
        most_bad: As for `RowSource`.
        **checks: As for `RowSource`.
    """

    names: ClassVar[Mapping[Split, tuple[str, ...]]]
    """By split: what it is called on the hub, and what its files' names may begin with."""
    published: ClassVar[Mapping[Split, int]] = {}
    """How many rows are published."""
    config: ClassVar[str | None] = None
    """The configuration on the hub, where there are several."""

    def __init__(
        self,
        path: str,
        revision: str | None = None,
        on_bad_row: Literal["error", "skip"] = "skip",
        most_bad: float = 0.1,
        **checks: Any,
    ) -> None:
        super().__init__(on_bad_row=on_bad_row, most_bad=most_bad, **checks)
        self.path = str(path)
        self.revision = revision

    @abstractmethod
    def fields(self, row: Row) -> Row:
        """A published row in `JsonlSource`'s fields.

        Raises:
            ValueError: If it is not what it should be.
        """

    def part(self, row: Row) -> str:
        """Which part of the data set a row belongs to, whatever is wrong with it."""
        return str(row.get("category") or "")

    def raw(self, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """See `RowSource.raw`; warns where there are more or fewer rows than published."""
        if split not in self.names:
            return
        number = 0
        for number, found in enumerate(in_fields(self.rows(split), self.fields, part=self.part), start=1):
            yield found
        expected = self.published.get(split)
        if expected is not None and number != expected:
            warnings.warn(
                f"{self.path} has {number} {self.names[split][0]!r} rows, and {expected} are published: figures cannot "
                "be compared with published ones.",
                stacklevel=2,
            )

    def rows(self, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """The rows of a split as published.

        Raises:
            ValueError: If there is no such file or folder, nor a name on the hub.
        """
        path = Path(self.path)
        if path.exists():
            for file in self._files(path, split):
                yield from read_rows(file)
        elif re.fullmatch(r"[\w.-]+/[\w.-]+", self.path) and not path.parent.exists():
            try:
                yield from hub_rows(self.path, self.names[split][0], self.config, self.revision)
            except ValueError as error:
                raise ValueError(f"{self.path} is no folder here, and not to be had on the hub: {error}") from error
        else:
            raise ValueError(f"{self.path} does not exist; correct {type(self).__name__}.path.")

    def _files(self, path: Path, split: Split) -> list[Path]:
        errors = []
        for name in self.names[split]:
            try:
                return files_of(path, name)
            except ValueError as error:
                errors.append(error)
        if len(self.names) == 1 and len(only := files_of(path, "")) == 1:
            return only
        raise errors[0]
