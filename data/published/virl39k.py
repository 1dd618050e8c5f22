"""ViRL39K: 39 thousand verifiable questions for training with rewards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lit_mstar.data.published.divided_source import DividedSource
from lit_mstar.data.sources import cells
from lit_mstar.data.sources.row_source import Row
from lit_mstar.data.sources.share_gpt import parse_question
from lit_mstar.reasoning.answers import extract_answer


class ViRL39KSource(DividedSource):
    r"""ViRL39K and sets like it: Parquet with a question, an answer in `\boxed{…}`, and a list of image paths.

    Field names are from the card's description and could not be verified; what does not parse is counted by category.

    Args:
        path: The folder with the Parquet file and the images, or the file.
        **division: As for `DividedSource`.
    """

    names = dict.fromkeys(("train", "unlabeled", "validate", "test"), ("39krelease", "train", "virl"))

    def __init__(self, path: str, **division: Any) -> None:
        super().__init__(path, **division)
        if self.image_root is None:
            self.image_root = Path(path).parent if Path(path).is_file() else Path(path)

    def fields(self, row: Row) -> Row:
        """See `PublishedSource.fields`."""
        question, choices = parse_question(str(row.get("question") or ""))
        answer = row.get("answer")
        return {
            "id": None if cells.missing(row.get("qid")) else row["qid"],
            "question": question,
            "images": cells.images(row.get("image", row.get("images"))),
            "choices": choices,
            "answer": extract_answer(answer) or answer if isinstance(answer, str) and "\\boxed" in answer else answer,
            "part": row.get("category"),
            "tags": {name: str(row[name]) for name in ("category", "source") if row.get(name)},
        }
