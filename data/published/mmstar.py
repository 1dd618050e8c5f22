"""MMStar: 1,500 questions that cannot be answered without their image, 250 in each of six categories."""

from __future__ import annotations

from lit_mstar.data.published.published_source import PublishedSource
from lit_mstar.data.sources import cells
from lit_mstar.data.sources.row_source import Row
from lit_mstar.data.sources.share_gpt import parse_options


class MMStarSource(PublishedSource):
    """MMStar's val, as Parquet or TSV.

    Options stand in the question, "… Options: A: …, B: …"; where they can be told apart they become choices, else
    the question is asked as it is. Fields are those of the owners' card; not run against the original files by us.
    """

    names = {"test": ("val", "MMStar")}
    published = {"test": 1500}

    def fields(self, row: Row) -> Row:
        """See `PublishedSource.fields`."""
        question, choices = options_apart(str(row.get("question") or ""))
        return {
            "id": row.get("index"),
            "question": question,
            "images": cells.images(row.get("image")),
            "choices": choices,
            "answer": row.get("answer"),
            "answer_type": "letter",
            "part": row.get("category"),
            "tags": {name: str(row[name]) for name in ("category", "l2_category") if row.get(name)},
        }


def options_apart(text: str) -> tuple[str, list[str]]:
    """Question and options; all of the text and none where they cannot be told apart."""
    for heading in ("\nOptions:", "\nChoices:"):
        asked, found, rest = text.rpartition(heading)
        if found and len(choices := parse_options(rest.strip())) > 1:
            commas = all(choice.endswith((",", ";")) for choice in choices[:-1])
            return asked.strip(), [choice.rstrip(",;").rstrip() for choice in choices] if commas else choices
    return text, []
