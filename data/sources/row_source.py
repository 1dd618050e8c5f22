"""What sources of rows have in common: every row checked as it is read, bad ones counted, none twice."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from lit_mstar.data.checks import require_reasoning_agrees
from lit_mstar.data.sources import rows
from lit_mstar.data.sources.bad_rows import BadRow, DuplicateError, report
from lit_mstar.data.sources.held_out import HeldOut
from lit_mstar.data.sources.source import ProblemSource, Split
from lit_mstar.files import atomic
from lit_mstar.reasoning.extraction import Box, Label, Tag
from lit_mstar.reasoning.rules import RuleGrader
from lit_mstar.rollouts.identity import digest, image_digest
from lit_mstar.rollouts.images import MAX_PIXELS, image_inside, image_size
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.rollouts.placeholders import problem_with_placeholders

Row = rows.Fields
_PLAINLY = RuleGrader(extractors=[Box(), Tag(), Label()])  # the policy's own format is known in SupervisedDataModule
_HELD_OUT: tuple[Split, ...] = ("validate", "test")


class RowSource(ProblemSource):
    """Problems from rows with fields. A subclass says by `raw` which rows a split has; the rest is here.

    Args:
        image_root: The folder that images may come from, and where relative paths start; each file's own folder by
            default. Paths that lead out of it, also by symbolic links, are refused.
        on_bad_row: "error" ends with the first bad row; "skip" leaves bad rows out, counts and lists them.
        most_bad: With "skip", the largest share of bad rows in a split, missing images among them and duplicates not;
            more end the run before it starts (ours).
        max_pixels: Largest image, width x height, that is accepted.
        system: What a system turn says before this data set's questions; None leaves that to the backbone.
        prompt: What the user's turn says, with `{question}` and `{choices}`; None leaves that to the backbone.
        limit: Read no more than so many problems of a split, the first ones; for a trial.
        unpack: A folder into which images that stand in the rows themselves are written, each once, so that they need
            not be in memory; None keeps them there.

    Raises:
        ValueError: If a value is outside its range.
    """

    def __init__(
        self,
        image_root: Path | None = None,
        on_bad_row: Literal["error", "skip"] = "error",
        most_bad: float = 0.5,
        max_pixels: int = MAX_PIXELS,
        system: str | None = None,
        prompt: str | None = None,
        limit: int | None = None,
        unpack: Path | None = None,
    ) -> None:
        name = type(self).__name__
        for option, ok, value, wanted in (
            ("on_bad_row", on_bad_row in ("error", "skip"), on_bad_row, '"error" or "skip"'),
            ("most_bad", 0 <= most_bad <= 1, most_bad, "a share in [0, 1]"),
            ("prompt", prompt is None or "{question}" in prompt, prompt, "a text with {question}"),
            ("limit", limit is None or limit > 0, limit, "at least 1"),
        ):
            if not ok:
                raise ValueError(f"{name}.{option} is {value!r}; it must be {wanted}.")
        self.image_root = None if image_root is None else Path(image_root)
        self.on_bad_row = on_bad_row
        self.most_bad = most_bad
        self.max_pixels = max_pixels
        self.system = system
        self.prompt = prompt
        self.limit = limit
        self.unpack = None if unpack is None else Path(unpack)
        self.dropped: dict[Split, list[BadRow]] = {}
        """Of each split that was read, the rows that were left out."""
        self._sizes: dict[str, str | None] = {}  # of image files that were looked at: what is wrong with them

    @abstractmethod
    def raw(self, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """Yields ("file:row", fields) for a split's rows, or what is wrong with one; nothing if there is no split.

        Fields are those of `JsonlSource`; images may be encoded image files (`bytes`) too. `part` (of which part of
        the data set), `tags`, `system` and `prompt` are added by whoever has them.
        """

    def problems(self, split: Split) -> list[Problem]:
        """See `ProblemSource.problems`; image headers are read, pixels are not."""
        problems: dict[str, Problem] = {}
        self.dropped[split] = []
        for where, fields in self.raw(split):
            try:
                problem = self._problem(fields, where, split)
                self._require_new(problem, problems, split)
            except ValueError as error:
                if self.on_bad_row == "error":
                    raise ValueError(f"{where}: {error}") from error
                part = getattr(fields, "part", "") if isinstance(fields, ValueError) else fields.get("part")
                self.dropped[split].append(
                    BadRow(where, str(error), str(part or ""), isinstance(error, DuplicateError))
                )
                continue
            problems[problem.id] = problem
            if len(problems) == self.limit:
                break
        option = f"{type(self).__name__}.most_bad"
        report(self.dropped[split], len(problems), split, self.most_bad, option)
        return list(problems.values())

    def _problem(self, fields: Row | ValueError, where: str, split: Split) -> Problem:
        if isinstance(fields, ValueError):
            raise fields
        names, right = rows.images(fields), rows.answers(fields)
        question, options = rows.text(fields, "question"), rows.choices(fields)
        asked = (question, options, [name if isinstance(name, str) else image_digest(name) for name in names])
        problem = Problem(
            id=f"row-{digest(asked)[:16]}" if fields.get("id") is None else str(fields["id"]),
            question=question,
            images=self._images(names, where),
            answer=right[0] if right else None,
            accepted=right[1:],
            choices=options,
            reasoning=rows.text(fields, "reasoning") if split == "seed" or fields.get("reasoning") else None,
            source=where,
            answer_type=rows.answer_type(fields),
            precision=rows.precision(fields),
            unit=rows.text(fields, "unit") if fields.get("unit") is not None else None,
            system=fields.get("system") or self.system,
            prompt=fields.get("prompt") or self.prompt,
            tags=fields.get("tags") or {},
        )
        return self._checked(problem, split)

    def _images(self, names: list[str | bytes], where: str) -> tuple[str | bytes, ...]:
        root = Path(where.rpartition(":")[0]).parent if self.image_root is None else self.image_root
        option = f"{type(self).__name__}.image_root"
        try:
            return tuple(
                self._unpacked(name) if isinstance(name, bytes) else image_inside(root, name, option) for name in names
            )
        except ValueError as error:
            raise ValueError(f"field 'image': {error}") from error

    def _unpacked(self, image: bytes) -> str | bytes:
        if self.unpack is None:
            return image
        file = self.unpack / f"{image_digest(image)[:32]}.image"
        if not file.exists():
            with atomic(file) as partial:
                partial.write_bytes(image)
        return str(file)

    def _checked(self, problem: Problem, split: Split) -> Problem:
        if problem.answer is None and split != "unlabeled":
            raise ValueError(f"field 'answer' is missing; add it, or move the row to {type(self).__name__}.unlabeled.")
        if wrong := problem_with_placeholders(problem):
            raise ValueError(f"field 'question': {wrong}")
        if problem.choices and problem.answer is not None:
            problem = replace(problem, answer_type=rows.require_option(problem))
        if problem.reasoning is not None:
            require_reasoning_agrees(problem, _PLAINLY)
        for image in problem.images:
            if wrong := self._wrong_with(image):
                raise ValueError(f"field 'image': {wrong}")
        return problem

    def _wrong_with(self, image: str | bytes) -> str | None:
        """What is wrong with an image, by its header; a file that many rows name is looked at once."""
        if isinstance(image, str) and image in self._sizes:
            return self._sizes[image]
        try:
            image_size(image, self.max_pixels)
            found = None
        except ValueError as error:
            found = str(error)
        if isinstance(image, str):
            self._sizes[image] = found
        return found

    def _require_new(self, problem: Problem, earlier: dict[str, Problem], split: Split) -> None:
        if other := earlier.get(problem.id):
            if problem.id.startswith("row-") and _content(other) == _content(problem):
                raise DuplicateError(f"it is the same problem as {other.source}; remove one of both.")
            raise ValueError(f"field 'id' is {problem.id!r}, as in {other.source}, an earlier row; ids must be unique.")
        if split not in _HELD_OUT and (row := self._held_out.copy_of(problem)):
            raise DuplicateError(
                f"it is the same problem as {row}, which is to be measured with; remove it from {split!r}."
            )

    @cached_property
    def _held_out(self) -> HeldOut:
        return HeldOut(row for split in _HELD_OUT for row in self._readable(split))

    def _readable(self, split: Split) -> Iterator[tuple[str, Row, tuple[str | bytes, ...]]]:
        """A split's rows with images that may be looked at; what is wrong with others is said when it is read."""
        try:
            for where, fields in self.raw(split):
                with suppress(ValueError):
                    if not isinstance(fields, ValueError):
                        yield where, fields, self._images(rows.images(fields), where)
        except ValueError:
            return


def _content(problem: Problem) -> object:
    return problem.question, problem.choices, problem.images
