"""Which columns of a table hold what: given by name, or found by the names that data sets use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal

from lit_mstar.data.sources import cells

_USUAL = {  # what others call it, in the order in which it is looked for; ours
    "question": ("question", "problem", "query", "prompt", "instruction"),
    "answer": ("answer", "label", "answers", "solution", "ground_truth"),
    "images": ("images", "image", "decoded_image", "image_path", "img", "img_path"),
    "choices": ("choices", "options"),
    "id": ("id", "pid", "qid", "question_id", "index"),
    "reasoning": ("reasoning", "rationale"),
    "unit": ("unit",),
    "precision": ("precision",),
    "answer_type": (),
    "part": (),
}
_LETTERS = list("ABCDEFGHIJ")


@dataclass(frozen=True)
class Columns:
    """Names of columns; None looks for the usual ones.

    Args:
        question: The question.
        answer: The answer.
        images: One column, or several with an image each; also one with a list of images.
        choices: A column with all options, or one for each: [A, B, C, D].
        id: What identifies a row.
        reasoning: A worked solution that ends in the answer.
        unit: The unit of a number.
        precision: Decimal places of a number.
        answer_type: What the answer is, in `JsonlSource`'s words.
        part: Which part of the data set a row belongs to; bad rows are counted by it.
        tags: Columns that tables group by, such as [category].
    """

    question: str | None = None
    answer: str | None = None
    images: str | list[str] | None = None
    choices: str | list[str] | None = None
    id: str | None = None
    reasoning: str | None = None
    unit: str | None = None
    precision: str | None = None
    answer_type: str | None = None
    part: str | None = None
    tags: list[str] | None = None

    def wanted(self) -> set[str]:
        """The names that are given."""
        given = (getattr(self, field.name) for field in fields(self))
        return {name for value in given if value for name in ([value] if isinstance(value, str) else value)}

    def check(self, there: Collection[str], where: str) -> None:
        """Looks for the given names among those that are there.

        Raises:
            ValueError: If one is missing; the message has those that exist, and the nearest.
        """
        for name in sorted(self.wanted() - {*there}):
            near = get_close_matches(name, there, 1, 0.5)
            meant = f"; did you mean {near[0]!r}?" if near else "."
            raise ValueError(f"{where} has no column {name!r}, only {', '.join(map(str, there))}{meant}")
        if self.question is None and not self._name("question", there):
            usual = ", ".join(_USUAL["question"])
            raise ValueError(
                f"{where} has no column {usual}; say by columns.question which of {', '.join(there)} it is."
            )

    def fields(self, row: Mapping[str, Any], kind: Literal["given", "index", "letter", "option"]) -> dict[str, Any]:
        """A row in `JsonlSource`'s fields.

        Args:
            row: By column.
            kind: What the answer column holds (`cells.answer`).

        Raises:
            ValueError: If a cell is not what it should be.
        """
        found = {name: self._cell(name, row) for name in _USUAL if name not in ("images", "choices", "answer")}
        found = {name: value for name, value in found.items() if not cells.missing(value)}
        options = self._options(row)
        answer = cells.answer(self._cell("answer", row), kind, options)
        return found | {
            "images": self._images(row),
            "choices": options,
            "answer": answer,
            "precision": _whole(found.get("precision")),
            "tags": {name: str(row[name]) for name in self.tags or () if not cells.missing(row.get(name))},
            **(
                {"answer_type": kind}
                if kind in ("letter", "option")
                else {"answer_type": "letter"}
                if kind == "index"
                else {}
            ),
        }

    def _cell(self, name: str, row: Mapping[str, Any]) -> Any:
        found = getattr(self, name) or self._name(name, row)
        return row.get(found) if found else None

    def _name(self, name: str, there: Collection[str]) -> str | None:
        return next((usual for usual in _USUAL[name] if usual in there), None)

    def _options(self, row: Mapping[str, Any]) -> list[Any]:
        if isinstance(self.choices, list):
            return cells.without_gaps([row.get(name) for name in self.choices])
        if name := self.choices or self._name("choices", row):
            return cells.options(row.get(name))
        lettered = [letter for letter in _LETTERS if letter in row]
        return cells.without_gaps([row[letter] for letter in lettered]) if lettered[:2] == ["A", "B"] else []

    def _images(self, row: Mapping[str, Any]) -> list[str | bytes]:
        names = self.images if isinstance(self.images, list) else [self.images or self._name("images", row)]
        return [image for name in names if name for image in cells.images(row.get(name))]


def _whole(value: Any) -> Any:
    """A number of decimal places that a table wrote as a text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
