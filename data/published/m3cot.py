"""M3CoT: multi-step questions of science, mathematics and common sense with rationales; test has 2,318."""

from __future__ import annotations

from lit_mstar.data.published.published_source import PublishedSource
from lit_mstar.data.sources import cells
from lit_mstar.data.sources.row_source import Row


class M3CoTSource(PublishedSource):
    """M3CoT's train, validation and test, as Parquet or JSON; "seed" is train with its rationales.

    Fields are those of the owners' card; not run against the original files by us. A context stands before
    the question.
    """

    names = {
        "train": ("train",),
        "seed": ("train",),
        "validate": ("validation", "val", "dev"),
        "test": ("test",),
    }
    published = {"train": 7863, "seed": 7863, "validate": 1108, "test": 2318}

    def fields(self, row: Row) -> Row:
        """See `PublishedSource.fields`."""
        context, question = (str(row.get(name) or "").strip() for name in ("context", "question"))
        rationale, answer = str(row.get("rationale") or "").strip(), row.get("answer")
        image = row.get("image")
        return {
            "id": row.get("id"),
            "question": "\n".join(part for part in (context, question) if part),
            "images": cells.images(row.get("image_path") if cells.missing(image) else image),
            "choices": cells.options(row.get("choices")),
            "answer": answer,
            "answer_type": "letter",
            "reasoning": f"{rationale}\nAnswer: {answer}" if rationale else None,
            "part": row.get("domain"),
            "tags": {name: str(row[name]) for name in ("domain", "topic", "category") if row.get(name)},
        }
