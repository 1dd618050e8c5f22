"""How a benchmark is scored: by which rule, over which rows, in which groups."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lit_mstar.evaluation.rules import OptionGrader
from lit_mstar.reasoning.grader import Grader


class Tagged(Protocol):
    """A problem, or what became of it."""

    @property
    def id(self) -> str:
        """The problem's id."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The problem's tags."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """A benchmark's rules.

    Args:
        name: Its column in tables: "MMStar-R".
        grader: Its official rule.
        subset: Which rows the figure is over: tags, and which of their values count. All by default.
        groups: Tags by whose values the figure is given, too.
        rotations: The tag that all rotations of a question share; the figure is then over each question once, and
            beside it stands the circular one: right only if all rotations are.
        note: What differs from how others score it.
    """

    name: str
    grader: Grader = field(default_factory=OptionGrader)
    subset: Mapping[str, Sequence[str]] = field(default_factory=dict)
    groups: Sequence[str] = ()
    rotations: str | None = None
    note: str = ""

    @property
    def folder(self) -> str:
        """The name of its folder among results."""
        return re.sub(r"[^\w.-]+", "-", self.name)

    def counts(self, problem: Tagged) -> bool:
        """Whether a problem is in the subset."""
        return all(problem.tags.get(tag) in values for tag, values in self.subset.items())

    def first(self, problem: Tagged) -> bool:
        """Whether it is a question as it was written, and no rotation of it."""
        return self.rotations is None or problem.tags.get(self.rotations) == problem.id
