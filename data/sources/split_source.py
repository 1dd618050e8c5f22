"""A source that lacks a split, divided: what is to be validated or tested with is held out once for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from lit_mstar.data.sources.bad_rows import BadRow
from lit_mstar.data.sources.division import Division
from lit_mstar.data.sources.source import ProblemSource, Split
from lit_mstar.rollouts.identity import digest, image_digest
from lit_mstar.rollouts.nouns import Problem


class SplitSource(ProblemSource):
    """Divides the "train" problems of another source into train, unlabeled, validation and test problems.

    What the source has of these already stays with them. Problems with the same question, options and images stay
    together, whatever their ids. "seed" are those of "train" that bring their reasoning, unless the source has its own.

    Args:
        source: What is divided.
        test: Number of test problems that are held out.
        validate: Number of validation problems that are held out.
        unlabeled: Share of all others whose answers nobody may train on.
        seed: Another gives another division.
        division: Where it is saved, so that rows added later move none of them.
    """

    def __init__(
        self,
        source: ProblemSource,
        division: Path,
        test: int = 200,
        validate: int = 100,
        unlabeled: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.source = source
        self.on_bad_row = source.on_bad_row
        self.division = Division(Path(division), test, validate, unlabeled, seed)

    def problems(self, split: Split) -> list[Problem]:
        """See `ProblemSource.problems`."""
        if split == "seed":
            own = self.source.problems("seed")
            return own or [problem for problem in self.problems("train") if problem.reasoning is not None]
        divided = self._divided[split]
        return divided if split == "train" else [*divided, *self.source.problems(split)]

    @property
    def dropped(self) -> dict[Split, list[BadRow]]:
        """The rows that the divided source left out; those of "train", whichever split they would have been in."""
        return dict(getattr(self.source, "dropped", {}))

    def judge_steps(self, problem: Problem, steps: Sequence[str]) -> list[bool] | None:
        """See `ProblemSource.judge_steps`: the divided source is asked."""
        return self.source.judge_steps(problem, steps)

    @cached_property
    def _divided(self) -> dict[Split, list[Problem]]:
        keyed = [(_key(problem), problem) for problem in self.source.problems("train")]
        held_out = self.division.held_out(key for key, _ in keyed)
        found: dict[Split, list[Problem]] = defaultdict(list)
        for key, problem in keyed:
            found[held_out.get(key) or self.division.rest(key)].append(problem)
        return found


def _key(problem: Problem) -> str:
    """What tells a problem from others; images by name, so that nobody reads them all."""
    names = [Path(image).name if isinstance(image, str) else image_digest(image) for image in problem.images]
    return digest((problem.question, problem.choices, names))[:16]
