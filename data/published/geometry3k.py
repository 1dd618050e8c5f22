"""Geometry3K: problems of plane geometry; 2,101 to train on, 300 to validate, 601 to test."""

from __future__ import annotations

from typing import Any, Literal

from lit_mstar.data.published.published_source import PublishedSource
from lit_mstar.data.sources import cells
from lit_mstar.data.sources.row_source import Row


class Geometry3KSource(PublishedSource):
    """Geometry3K, as Parquet or JSON.

    Fields are those of the copies on the hub; not run against these by us.

    Args:
        path: The folder or file, or "hiyouga/geometry3k".
        task: "free-form" asks for the answer itself; "letters" shows the choices, which newer copies have. These are
            two tasks: say which beside a figure.
        **checks: As for `PublishedSource`.
    """

    names = {"train": ("train",), "validate": ("validation", "val"), "test": ("test",)}
    published = {"train": 2101, "validate": 300, "test": 601}

    def __init__(self, path: str, task: Literal["free-form", "letters"] = "free-form", **checks: Any) -> None:
        super().__init__(path, **checks)
        self.task = task

    def fields(self, row: Row) -> Row:
        """See `PublishedSource.fields`."""
        question, letters = row.get("problem", row.get("question")), self.task == "letters"
        if letters and cells.missing(row.get("ground_truth")):
            raise ValueError("field 'ground_truth' is missing: this copy has no letters; take task: free-form.")
        return {
            "id": None if cells.missing(row.get("id")) else row["id"],
            "question": question,
            "images": cells.images(row.get("images", row.get("image"))),
            "choices": cells.options(row.get("choices")) if letters else [],
            "answer": row["ground_truth"] if letters else row.get("answer"),
            "answer_type": "letter" if letters else None,
        }
