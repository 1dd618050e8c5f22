"""The seam to whoever says what is right: an answer out of a text, and whether it matches the reference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

from lit_mstar.equality.comparison import Verdict as Verdict  # part of the seam
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.rollouts.nouns import Problem


class Grader(ABC):
    """Says which answer a response gives and whether it is right. Derive from it and name yours by `class_path`.

    Everything that asks "right?" goes through it: marking, accuracy, Monte-Carlo labels, votes, verifiers.
    """

    reasoning: ReasoningFormat = ReasoningFormat()
    """How responses are written; set by the policy, so that one setting serves all."""

    @abstractmethod
    def extract(self, text: str, problem: Problem) -> str | None:
        """The final answer that a response gives; None where it gives none."""

    @abstractmethod
    def matches(self, predicted: str | None, problem: Problem) -> Verdict:
        """Whether an answer is right; never for None or a blank one.

        Args:
            predicted: What `extract` gave.
            problem: With `answer`, the reference, which is not None.
        """

    def agree(self, first: str, second: str, problem: Problem) -> bool:
        """Whether two answers to a problem mean the same, as for votes: the second stands for the reference."""
        asked = replace(problem, answer=second, accepted=(), answer_type=None)
        return self.matches(first, asked).correct

    def settings(self) -> str:
        """All that decides its verdicts, as a text: another text means that responses are to be marked anew."""
        given = {name: value for name, value in vars(self).items() if not name.startswith("_") and name != "reasoning"}
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        return f"{name}({', '.join(f'{key}={_shown(value)}' for key, value in sorted(given.items()))})"


def _shown(value: Any) -> str:
    """A value as a text that is the same in every process: no address of an object is in it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if hasattr(value, "__qualname__"):  # a function or a class
        return f"{value.__module__}.{value.__qualname__}"
    if " at 0x" in repr(value):
        return f"{type(value).__qualname__}({_shown(sorted(vars(value).items()))})"
    return repr(value)
