"""A user's own problems: one JSON object per line.

Fields: `question`; `answer` (optional in "unlabeled" alone); `image` or `images` (paths relative to the file, and not
out of its folder); optional `id`, `choices`, `reasoning`. Whatever is wrong with a row is said before any model is
loaded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from lit_mstar.data.source import ProblemSource, Split
from lit_mstar.reasoning.answers import extract_answer
from lit_mstar.rollouts.images import MAX_PIXELS, image_inside, image_size
from lit_mstar.rollouts.nouns import Problem

_MAX_LINE = 16 * 2**20  # bytes, ours; a longer line is not a row of questions and paths
_FIELDS = {"id", "question", "answer", "image", "images", "choices", "reasoning"}


class JsonlSource(ProblemSource):
    """Problems from JSON Lines files, one file per split.

    Args:
        train: Problems with answers.
        validate: Problems with answers, to watch the training.
        test: Problems with answers, for the final figure.
        seed: Problems with answers and `reasoning`, for warmup.
        unlabeled: Problems that may leave `answer` out; where it is there, it only judges guesses at it.
        max_pixels: Largest image, width x height, that is accepted.
        image_root: The folder that images may come from, and where relative paths start; each file's own folder by
            default. Paths that lead out of it, also by symbolic links, are refused.
    """

    def __init__(
        self,
        train: Path | None = None,
        validate: Path | None = None,
        test: Path | None = None,
        seed: Path | None = None,
        unlabeled: Path | None = None,
        max_pixels: int = MAX_PIXELS,
        image_root: Path | None = None,
    ) -> None:
        self.files = {"train": train, "validate": validate, "test": test, "seed": seed, "unlabeled": unlabeled}
        self.max_pixels = max_pixels
        self.image_root = image_root

    def problems(self, split: Split) -> list[Problem]:
        """See `ProblemSource.problems`; image headers are read, pixels are not."""
        path = self.files[split]
        if path is None:
            return []
        if not Path(path).is_file():
            raise ValueError(f"{path} does not exist; correct JsonlSource.{split}.")
        problems: dict[str, Problem] = {}
        for where, fields in _rows(Path(path)):
            problem = self._problem(fields, where, split)
            if problem.id in problems:
                raise ValueError(f"{where}: field 'id' is {problem.id!r}, as in an earlier row; ids must be unique.")
            problems[problem.id] = problem
        return list(problems.values())

    def _problem(self, fields: dict[str, Any], where: str, split: Split) -> Problem:
        if unknown := sorted(fields.keys() - _FIELDS):
            raise ValueError(f"{where}: unknown field {unknown[0]!r}; the fields are {', '.join(sorted(_FIELDS))}.")
        file = where.rpartition(":")[0]
        problem = Problem(
            id=where if fields.get("id") is None else str(fields["id"]),
            question=_text(fields, "question", where),
            images=self._paths(_images(fields, where), where),
            answer=_answer(fields),
            choices=_choices(fields, where),
            reasoning=_text(fields, "reasoning", where) if split == "seed" or "reasoning" in fields else None,
            source=file,
        )
        self._check(problem, where, split)
        return problem

    def _paths(self, names: list[str], where: str) -> tuple[str, ...]:
        root = Path(where.rpartition(":")[0]).parent if self.image_root is None else Path(self.image_root)
        try:
            return tuple(image_inside(root, name, "JsonlSource.image_root") for name in names)
        except ValueError as error:
            raise ValueError(f"{where}: field 'image': {error}") from error

    def _check(self, problem: Problem, where: str, split: Split) -> None:
        if problem.answer is None and split != "unlabeled":
            raise ValueError(f"{where}: field 'answer' is missing; add it, or move the row to JsonlSource.unlabeled.")
        if problem.reasoning is not None and extract_answer(problem.reasoning) is None:
            raise ValueError(f"{where}: field 'reasoning' has no final answer; end it with a line 'Answer: …'.")
        for image in problem.images:
            try:
                image_size(image, self.max_pixels)
            except ValueError as error:
                raise ValueError(f"{where}: field 'image': {error}") from error


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields ("file:line", fields) for every line that is not blank."""
    with path.open("rb") as lines:
        for number in count(1):
            line, where = lines.readline(_MAX_LINE + 1), f"{path}:{number}"
            if not line:
                return
            if len(line) > _MAX_LINE:
                raise ValueError(f"{where}: the line is longer than {_MAX_LINE} bytes; put images in files.")
            if line.strip():
                yield where, _parse(line, where)


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        fields = json.loads(line.decode(), parse_float=_finite, parse_constant=_finite)
        json.dumps(fields, ensure_ascii=False).encode()  # half a surrogate pair could not be written down again
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not valid JSON in UTF-8 ({error}); write one object per line.") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{where}: a row must be an object {{…}}, not {type(fields).__name__}.")
    return fields


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is not a finite number")
    return value


def _text(fields: dict[str, Any], name: str, where: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: field {name!r} is {value!r}; it must be a text.")
    return value


def _answer(fields: dict[str, Any]) -> str | None:
    answer = fields.get("answer")
    return None if answer is None or not str(answer).strip() else str(answer)


def _choices(fields: dict[str, Any], where: str) -> tuple[str, ...]:
    choices = fields.get("choices") or []
    if not isinstance(choices, list):
        raise ValueError(f"{where}: field 'choices' is {choices!r}; it must be a list of options.")
    return tuple(str(choice) for choice in choices)


def _images(fields: dict[str, Any], where: str) -> list[str]:
    if "image" in fields and "images" in fields:
        raise ValueError(f"{where}: fields 'image' and 'images' are both there; keep one of them.")
    images = fields.get("images", [fields["image"]] if fields.get("image") else [])
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise ValueError(f"{where}: field 'images' is {images!r}; it must be a list of file paths.")
    return images
