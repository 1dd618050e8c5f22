"""MMBench dev EN v1.1: multiple choice in 20 categories, each question asked once for every rotation of its options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lit_mstar.data.published.published_source import PublishedSource
from lit_mstar.data.sources import cells
from lit_mstar.data.sources.row_source import Row
from lit_mstar.data.sources.source import Split

_ROTATION = 1_000_000  # index % this is the question
_NAME = 64  # characters; a longer image cell is an image


class MMBenchSource(PublishedSource):
    """MMBench's dev set, as TSV or Parquet.

    Rotations are rows of their own. An image cell of at most 64 characters names the row that has the image. Fields
    are those of the owners' files; not run against these by us.

    Args:
        path: The folder or file.
        rotations: Ask the rotations too, which circular evaluation needs; otherwise each question once.
        **checks: As for `PublishedSource`.
    """

    names = {"test": ("dev", "MMBench_DEV_EN_V11", "MMBench_DEV_EN", "MMBench")}

    def __init__(self, path: str, rotations: bool = True, **checks: Any) -> None:
        super().__init__(path, **checks)
        self.rotations = rotations
        self._pictures: dict[str, str | bytes] = {}  # by the index of the row that has them

    def rows(self, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """See `PublishedSource.rows`: once for the images, which later rows may have, and once for the questions."""
        for _, row in super().rows(split):
            if not isinstance(row, ValueError) and not _named(cell := row.get("image")):
                try:
                    self._pictures |= {_index(row): image for image in cells.images(cell)}
                except ValueError:
                    continue  # said where the row is read
        for where, row in super().rows(split):
            if self.rotations or isinstance(row, ValueError) or not _is_rotation(row):
                yield where, row
        self._pictures = {}  # problems have theirs

    def fields(self, row: Row) -> Row:
        """See `PublishedSource.fields`; `tags["question"]` is the same for all rotations."""
        index = _index(row)
        hint, question = (
            "" if cells.missing(row.get(name)) else str(row[name]).strip() for name in ("hint", "question")
        )
        l2 = next((row[name] for name in ("l2-category", "L2-category", "l2_category") if row.get(name)), None)
        return {
            "id": index,
            "question": "\n".join(part for part in (hint, question) if part),
            "images": [self._picture(row, index)],
            "choices": cells.without_gaps([row.get(letter) for letter in "ABCDE"]),
            "answer": row.get("answer"),
            "answer_type": "letter",
            "part": row.get("category"),
            "tags": {
                "question": str(int(index) % _ROTATION),
                **({"category": str(row["category"])} if row.get("category") else {}),
                **({"l2_category": str(l2)} if l2 else {}),
            },
        }

    def _picture(self, row: Row, index: str) -> str | bytes:
        cell = row.get("image")
        name = str(cell).strip() if _named(cell) else index
        if name not in self._pictures:
            cells.images(cell)  # raises where the cell itself is broken
            raise ValueError(f"its image is that of row {name!r}, which has none; take the whole file.")
        return self._pictures[name]


def _named(cell: Any) -> bool:
    """Whether an image cell names another row."""
    return isinstance(cell, int | str) and len(str(cell)) <= _NAME and str(cell).strip().isdecimal()


def _is_rotation(row: Row) -> bool:
    try:
        return int(_index(row)) >= _ROTATION
    except ValueError:  # said where the row is read
        return False


def _index(row: Row) -> str:
    found = str(row.get("index")).strip().removesuffix(".0")
    if not found.isdecimal():
        raise ValueError(f"field 'index' is {row.get('index')!r}; it must be a whole number.")
    return found
