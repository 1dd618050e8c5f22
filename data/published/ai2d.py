"""AI2D: questions on diagrams of school books; test has 3,088."""

from __future__ import annotations

from lit_mstar.data.published.published_source import PublishedSource
from lit_mstar.data.sources import cells
from lit_mstar.data.sources.row_source import Row


class AI2DSource(PublishedSource):
    """AI2D's test, as Parquet (options as a list, the answer as an option's index) or TSV (columns A to D, a letter).

    Fields are those of the two copies' cards; not run against the original files by us. Several questions share a
    diagram, so intervals are clustered by it.
    """

    names = {"test": ("test", "AI2D_TEST", "AI2D")}
    published = {"test": 3088}

    def fields(self, row: Row) -> Row:
        """See `PublishedSource.fields`."""
        lettered = "A" in row
        choices = cells.without_gaps([row.get(x) for x in "ABCD"]) if lettered else cells.options(row.get("options"))
        answer = str(row.get("answer")).strip()
        return {
            "id": row.get("index") if lettered else row.get("id"),
            "question": row.get("question"),
            "images": cells.images(row.get("image")),
            "choices": choices,
            "answer": cells.answer(answer, "letter" if answer.isalpha() else "index", choices),
            "answer_type": "letter",
            "tags": {"category": str(row["category"])} if row.get("category") else {},
        }
