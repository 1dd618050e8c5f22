"""MathVista: mathematics in figures, charts and photos; testmini has 1,000 problems."""

from __future__ import annotations

from typing import Any, Literal

from lit_mstar.data.published.published_source import PublishedSource
from lit_mstar.data.sources import cells
from lit_mstar.data.sources.row_source import Row

_TYPES = {"integer": "number", "float": "number", "list": "list"}


class MathVistaSource(PublishedSource):
    """MathVista's testmini, as Parquet or JSON.

    Fields and their meaning are those of the owners' card; not run against the original files by us. The answer to a
    multiple-choice problem is the option's text, also where that looks like another option's letter: "(a)" as
    third option.

    Args:
        path: The folder or file, or "AI4Math/MathVista".
        ask: "question" asks question and options in the policy's own prompt; "query" the text that is published for
            it, with its hint ("… provide the final value, e.g., 1, 2, 3, at the end."), and nothing else.
        **checks: As for `PublishedSource`.
    """

    names = {"test": ("testmini",)}
    published = {"test": 1000}

    def __init__(self, path: str, ask: Literal["question", "query"] = "question", **checks: Any) -> None:
        super().__init__(path, **checks)
        self.ask = ask

    def fields(self, row: Row) -> Row:
        """See `PublishedSource.fields`; `tags` have what its rule and its tables need."""
        several = row.get("question_type") == "multi_choice"
        kind, about = str(row.get("answer_type")), row.get("metadata") or {}
        whole = self.ask == "query" and not cells.missing(row.get("query"))
        decoded = row.get("decoded_image")
        return {
            "id": row.get("pid"),
            "question": row["query"] if whole else row.get("question"),
            "images": cells.images(row.get("image") if cells.missing(decoded) else decoded),
            "choices": cells.options(row.get("choices")) if several else [],
            "answer": row.get("answer"),
            "answer_type": "option" if several else _TYPES.get(kind),
            "precision": None if cells.missing(row.get("precision")) or kind != "float" else row["precision"],
            "unit": None if cells.missing(row.get("unit")) else row["unit"],
            "prompt": "{question}" if whole else None,
            "part": about.get("source"),
            "tags": {
                "question_type": str(row.get("question_type")),
                "answer_type": kind,
                **{name: str(about[name]) for name in ("task", "category", "grade", "source") if about.get(name)},
            },
        }
