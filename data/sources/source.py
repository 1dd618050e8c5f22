"""Where problems come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from lit_mstar.rollouts.nouns import Problem

Split = Literal["seed", "train", "validate", "test", "unlabeled"]


class ProblemSource(ABC):
    """A data set as problems. Subclass it for your own data; YAML names it by `class_path`."""

    on_bad_row: Literal["error", "skip"] = "error"
    """What is to happen where a problem cannot be used: end with it, or leave it out, counted and listed."""

    @abstractmethod
    def problems(self, split: Split) -> list[Problem]:
        """The problems of one split; empty where the data set has none.

        Args:
            split: "seed" (with reasoning, for warmup), "train" (answers only), "validate", "test" or "unlabeled"
                (problems whose answers nobody may train on; where a source knows them nevertheless, it may give
                them, and guesses at them are judged).

        Raises:
            ValueError: If a row cannot be used; the message names file, row, field and remedy.
        """

    def judge_steps(self, problem: Problem, steps: Sequence[str]) -> list[bool] | None:
        """Whether each step is true of the problem's images; None where nobody can tell (the usual case)."""
        return None
