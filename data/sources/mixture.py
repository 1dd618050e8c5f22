"""Several sources as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lit_mstar.data.sources.bad_rows import BadRow
from lit_mstar.data.sources.source import ProblemSource, Split
from lit_mstar.rollouts.nouns import Problem


class MixtureSource(ProblemSource):
    """Problems of several sources, each with its own prompt and system turn.

    Weights thin sources out: of a source with weight 0.5 every second problem is taken, drawn at random but always the
    same; with weight 2 each comes twice, under an id of its own. They apply to "train", "seed" and "unlabeled"; what is
    measured with is always whole. Problems keep their ids where these are unique.

    Args:
        sources: What is mixed.
        weights: One for each; all 1 by default.
        random_state: Which problems are taken.

    Raises:
        ValueError: If there are no sources, or weights that do not fit them.
    """

    def __init__(
        self, sources: Sequence[ProblemSource], weights: Sequence[float] | None = None, random_state: int = 0
    ) -> None:
        weights = [1.0] * len(sources) if weights is None else list(weights)
        if not sources or len(weights) != len(sources) or not all(0 <= weight < float("inf") for weight in weights):
            raise ValueError(
                f"MixtureSource has {len(sources)} sources and weights {weights}; give each source one of 0 or more."
            )
        self.sources = list(sources)
        self.weights = weights
        self.random_state = random_state
        self._owners: dict[str, tuple[ProblemSource, Problem]] = {}  # of problems that were given
        self.on_bad_row = "skip" if all(source.on_bad_row == "skip" for source in sources) else "error"

    def problems(self, split: Split) -> list[Problem]:
        """See `ProblemSource.problems`; sources follow each other."""
        found: dict[str, Problem] = {}
        for number, (source, weight) in enumerate(zip(self.sources, self.weights, strict=True)):
            for problem, copy in self._taken(source.problems(split), weight if split in _WEIGHED else 1.0, number):
                name = problem.id if not copy else f"{problem.id}#{copy}"
                if name in found:
                    name = f"{number}:{name}"
                found[name] = problem if name == problem.id else replace(problem, id=name)
                self._owners[name] = (source, problem)
        return list(found.values())

    @property
    def dropped(self) -> dict[Split, list[BadRow]]:
        """The rows that the sources left out."""
        found: dict[Split, list[BadRow]] = {}
        for source in self.sources:
            for split, bad in getattr(source, "dropped", {}).items():
                found.setdefault(split, []).extend(bad)
        return found

    def judge_steps(self, problem: Problem, steps: Sequence[str]) -> list[bool] | None:
        """See `ProblemSource.judge_steps`: the problem's own source is asked."""
        if problem.id not in self._owners:
            return None
        source, original = self._owners[problem.id]
        return source.judge_steps(original, steps)

    def _taken(self, problems: Sequence[Problem], weight: float, number: int) -> list[tuple[Problem, int]]:
        """Each problem floor(weight) times, and a random share of them once more; in their order."""
        whole = int(weight)
        more = np.random.default_rng([self.random_state, number]).permutation(len(problems))
        extra = {int(i) for i in more[: round((weight - whole) * len(problems))]}
        return [(p, copy) for i, p in enumerate(problems) for copy in range(whole + (i in extra))]


_WEIGHED: tuple[Split, ...] = ("train", "seed", "unlabeled")
