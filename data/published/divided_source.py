"""A published training set that comes whole: it is divided here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from lit_mstar.data.published.published_source import PublishedSource
from lit_mstar.data.sources.division import Division
from lit_mstar.data.sources.row_source import Row
from lit_mstar.data.sources.source import Split
from lit_mstar.rollouts.identity import digest
from lit_mstar.rollouts.nouns import Problem


class DividedSource(PublishedSource):
    """A data set of one split, divided into labeled, unlabeled, test and validation rows.

    "seed" are the labeled ones that bring their reasoning.

    Args:
        path: The folder or file.
        test: Number of test rows.
        validate: Number of validation rows.
        unlabeled: Share of all others whose answers nobody may train on.
        seed: Another gives another division.
        division: Where the division is saved; `lit-mstar-division.json` beside the data by default.
        **checks: As for `PublishedSource`.
    """

    def __init__(
        self,
        path: str,
        test: int = 750,
        validate: int = 250,
        unlabeled: float = 0.0,
        seed: int = 0,
        division: Path | None = None,
        **checks: Any,
    ) -> None:
        super().__init__(path, **checks)
        where = Path(path)
        beside = (where.parent if where.is_file() else where) / "lit-mstar-division.json"
        self.division = Division(Path(division or beside), test, validate, unlabeled, seed)

    def problems(self, split: Split) -> list[Problem]:
        """See `ProblemSource.problems`."""
        if split == "seed":
            return [problem for problem in self.problems("train") if problem.reasoning is not None]
        return super().problems(split)

    def key(self, row: Row) -> str:
        """What tells a row from others wherever it stands: its content."""
        return digest(sorted((name, repr(value)) for name, value in row.items()))[:16]

    def rows(self, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """See `PublishedSource.rows`; what cannot be read at all counts as labeled."""
        for where, row in super().rows("train"):
            if isinstance(row, ValueError):
                if split == "train":
                    yield where, row
                continue
            key = self.key(row)
            if (self._held_out_keys.get(key) or self.division.rest(key)) == split:
                yield where, row

    @cached_property
    def _held_out_keys(self) -> dict[str, Split]:
        rows = (row for _, row in super().rows("train"))
        return self.division.held_out(self.key(row) for row in rows if not isinstance(row, ValueError))
