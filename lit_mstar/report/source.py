"""The problems that a run was about, from the source that its config names: images, and who can judge steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import LightningDataModule

from lit_mstar.commands.instantiate import instantiate
from lit_mstar.report.run import Stage
from lit_mstar.rollouts.nouns import Problem

_SPLITS = ("train", "unlabeled", "test", "validate", "seed")


class RunSource:
    """A stage's source, as far as it is to be had.

    Args:
        stage: Its config may name any class, as when it was run: a stranger's config is a stranger's program.
        use: Otherwise problems are what the ledger says of them, without images.
    """

    def __init__(self, stage: Stage | None, use: bool = True) -> None:
        self.missing = "" if use else "images were not asked for"
        self._source: Any = None
        self._problems: dict[str, dict[str, Problem]] = {}
        self._found: set[str] = set()  # ids of problems that are its own
        self._verdicts: dict[tuple[str, tuple[str, ...]], list[bool] | None] = {}
        if stage is None or not use:
            return
        try:
            self._source = instantiate({"data": LightningDataModule}, {"data": stage.config.get("data")}).data.source
        except Exception as error:  # whatever a class of the user's own raises
            self.missing = f"the source of {stage.name} cannot be read: {error}"

    def problems(self, split: str) -> dict[str, Problem]:
        """The problems of a split by id; none where it cannot be read."""
        if split not in self._problems:
            found: Sequence[Problem] = []
            try:
                found = self._source.problems(split) if self._source is not None else []
            except Exception as error:  # files that have moved, or a user's own reader
                self.missing = f"{split} problems cannot be read: {error}"
            self._problems[split] = {problem.id: problem for problem in found}
        return self._problems[split]

    def find(self, row: dict[str, Any], splits: Sequence[str] = _SPLITS) -> Problem:
        """The problem of a ledger's row; what the row says of it where the source does not have it any more."""
        for split in splits:
            if (found := self.problems(split).get(row["problem_id"])) is not None:
                self._found.add(found.id)
                return found
        return Problem(id=row["problem_id"], question=row["question"] or "", answer=row["reference"])

    @property
    def notes(self) -> list[str]:
        """What it cannot give, for people."""
        return [f"Not all of the problems: {self.missing}"] if self.missing else []

    def judge(self, problem: Problem, steps: Sequence[str]) -> list[bool] | None:
        """Whether each step is true; None where nobody can tell, as of problems that the source has no more.

        Several parts of a page ask of the same chains: each is judged once.
        """
        if problem.id not in self._found:
            return None
        if (key := (problem.id, tuple(steps))) not in self._verdicts:
            self._verdicts[key] = self._judged(problem, steps)
        return self._verdicts[key]

    def _judged(self, problem: Problem, steps: Sequence[str]) -> list[bool] | None:
        try:
            verdicts: list[bool] | None = self._source.judge_steps(problem, steps)
        except Exception as error:  # of a class of the user's own
            self.missing = self.missing or f"the source cannot judge steps: {error}"
            return None
        return verdicts
