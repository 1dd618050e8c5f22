"""A user's own problems: one JSON object per line.

Fields: `question`; `answer` (optional in "unlabeled" alone; a list means any of them); `image` or `images` (paths
relative to the file, and not out of its folder); optional `id`, `choices`, `reasoning`, `answer_type`, `precision`,
`unit`. Other fields are for people. Whatever is wrong with a row is said before any model is loaded.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Literal

from lit_mstar.data import rows
from lit_mstar.data.checks import require_reasoning_agrees
from lit_mstar.data.source import ProblemSource, Split
from lit_mstar.reasoning.extraction import Box, Label, Tag
from lit_mstar.reasoning.rules import RuleGrader
from lit_mstar.rollouts.identity import digest, image_digest
from lit_mstar.rollouts.images import MAX_PIXELS, image_inside, image_size
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.rollouts.placeholders import problem_with_placeholders

_MAX_LINE = 16 * 2**20  # bytes, ours; a longer line is not a row of questions and paths
_LISTED = 5  # bad rows in a warning, ours
_PLAINLY = RuleGrader(extractors=[Box(), Tag(), Label()])  # the policy's own format is known in SupervisedDataModule
_HELD_OUT: tuple[Split, ...] = ("validate", "test")


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
        on_bad_row: "error" ends with the first bad row; "skip" leaves bad rows out, counts and lists them.
        system: What a system turn says before this data set's questions; None leaves that to the backbone.
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
        on_bad_row: Literal["error", "skip"] = "error",
        system: str | None = None,
    ) -> None:
        if on_bad_row not in ("error", "skip"):
            raise ValueError(f'JsonlSource.on_bad_row is {on_bad_row!r}; it must be "error" or "skip".')
        self.files: dict[Split, Path | None] = {
            **{"train": train, "validate": validate, "test": test, "seed": seed, "unlabeled": unlabeled}
        }
        self.max_pixels = max_pixels
        self.image_root = image_root
        self.on_bad_row = on_bad_row
        self.system = system
        self.dropped: dict[Split, list[str]] = {}
        """Of each split that was read, what was wrong with the rows that were left out."""

    def problems(self, split: Split) -> list[Problem]:
        """See `ProblemSource.problems`; image headers are read, pixels are not."""
        path = self.files[split]
        if path is None:
            return []
        if not Path(path).is_file():
            raise ValueError(f"{path} does not exist; correct JsonlSource.{split}.")
        problems: dict[str, Problem] = {}
        self.dropped[split] = []
        for where, line in _lines(Path(path)):
            try:
                problem = self._problem(line, where, split)
                self._require_new(problem, problems, split)
            except ValueError as error:
                if self.on_bad_row == "error":
                    raise ValueError(f"{where}: {error}") from error
                self.dropped[split].append(f"{where}: {error}")
                continue
            problems[problem.id] = problem
        self._report(split, len(problems))
        return list(problems.values())

    def _problem(self, line: bytes, where: str, split: Split) -> Problem:
        fields = _parse(line)
        names, right = rows.images(fields), rows.answers(fields)
        question, options = rows.text(fields, "question"), rows.choices(fields)
        problem = Problem(
            id=f"row-{digest((question, options, names))[:16]}" if fields.get("id") is None else str(fields["id"]),
            question=question,
            images=self._paths(names, where),
            answer=right[0] if right else None,
            accepted=right[1:],
            choices=options,
            reasoning=rows.text(fields, "reasoning") if split == "seed" or fields.get("reasoning") else None,
            source=where,
            answer_type=rows.answer_type(fields),
            precision=rows.precision(fields),
            unit=rows.text(fields, "unit") if fields.get("unit") is not None else None,
            system=self.system,
        )
        return self._checked(problem, split)

    def _paths(self, names: list[str], where: str) -> tuple[str, ...]:
        root = Path(where.rpartition(":")[0]).parent if self.image_root is None else Path(self.image_root)
        try:
            return tuple(image_inside(root, name, "JsonlSource.image_root") for name in names)
        except ValueError as error:
            raise ValueError(f"field 'image': {error}") from error

    def _checked(self, problem: Problem, split: Split) -> Problem:
        if problem.answer is None and split != "unlabeled":
            raise ValueError("field 'answer' is missing; add it, or move the row to JsonlSource.unlabeled.")
        if wrong := problem_with_placeholders(problem):
            raise ValueError(f"field 'question': {wrong}")
        if problem.choices and problem.answer is not None:
            problem = replace(problem, answer_type=rows.require_option(problem))
        if problem.reasoning is not None:
            require_reasoning_agrees(problem, _PLAINLY)
        for image in problem.images:
            try:
                image_size(image, self.max_pixels)
            except ValueError as error:
                raise ValueError(f"field 'image': {error}") from error
        return problem

    def _require_new(self, problem: Problem, earlier: dict[str, Problem], split: Split) -> None:
        if other := earlier.get(problem.id):
            same = _content(other) == _content(problem)
            raise ValueError(
                f"it is the same problem as {other.source}; remove one of both."
                if same and problem.id.startswith("row-")
                else f"field 'id' is {problem.id!r}, as in {other.source}, an earlier row; ids must be unique."
            )
        for row, images in () if split in _HELD_OUT else self._held_out.get(_asked(problem), ()):
            if images == problem.images or [*map(image_digest, images)] == [*map(image_digest, problem.images)]:
                raise ValueError(
                    f"it is the same problem as {row}, which is to be measured with; remove it from {split!r}."
                )

    @cached_property
    def _held_out(self) -> dict[object, list[tuple[str, tuple[str, ...]]]]:
        """Rows that nobody may train on, with their images; what is wrong with one is said when its split is read."""
        found: dict[object, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for split in _HELD_OUT:
            path = self.files[split]
            for where, line in _lines(Path(path)) if path and Path(path).is_file() else ():
                try:
                    fields = _parse(line)
                    paths = self._paths(rows.images(fields), where)
                    asked = Problem(
                        id="", question=rows.text(fields, "question"), choices=rows.choices(fields), images=paths
                    )
                    found[_asked(asked)].append((where, paths))
                except (ValueError, OSError):
                    continue
        return found

    def _report(self, split: Split, kept: int) -> None:
        dropped = self.dropped[split]
        if not dropped:
            return
        first = "\n".join(dropped[:_LISTED]) + (f"\n… and {len(dropped) - _LISTED} more" if dropped[_LISTED:] else "")
        if not kept:
            raise ValueError(f"All {len(dropped)} rows of {split!r} are bad; the first of them:\n{first}")
        warnings.warn(f"{len(dropped)} of {len(dropped) + kept} {split!r} rows were left out:\n{first}", stacklevel=3)


def _content(problem: Problem) -> object:
    return problem.question, problem.choices, problem.images


def _asked(problem: Problem) -> object:
    """What two rows that may be the same have in common: files of other lengths are no copies of each other."""
    return problem.question, problem.choices, tuple(map(os.path.getsize, problem.images))


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields ("file:line", line) for every line that is not blank."""
    with path.open("rb") as lines:
        for number in count(1):
            line, where = lines.readline(_MAX_LINE + 1), f"{path}:{number}"
            if not line:
                return
            if len(line) > _MAX_LINE:
                raise ValueError(f"{where}: the line is longer than {_MAX_LINE} bytes; put images in files.")
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if line.strip():
                yield where, line


def _parse(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line.decode(), parse_float=_finite, parse_constant=_finite)
        json.dumps(fields, ensure_ascii=False).encode()  # half a surrogate pair could not be written down again
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid JSON in UTF-8 ({error}); write one object per line.") from error
    if not isinstance(fields, dict):
        raise ValueError(f"a row must be an object {{…}}, not {type(fields).__name__}.")
    return fields


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is not a finite number")
    return value
