"""A perfect reward model, where a source can tell which steps are true: what any other can gain at most."""

from __future__ import annotations

from collections.abc import Sequence

from lit_mstar.data.sources.source import ProblemSource
from lit_mstar.rollouts.nouns import Rollout
from lit_mstar.scorers.base import Scores, StepScorer


class TruthScorer(StepScorer):
    """Scores 1 what is true of the images, and 0 what is not; for studies of what rewards can do.

    Args:
        source: Whose `judge_steps` says so, such as `DigitsSource`.
    """

    def __init__(self, source: ProblemSource) -> None:
        self.source = source

    def score(self, rollouts: Sequence[Rollout]) -> Scores:
        """See `StepScorer.score`.

        Raises:
            ValueError: If the source cannot tell.
        """
        return [[self._of(rollout, response.steps) for response in rollout.responses] for rollout in rollouts]

    def _of(self, rollout: Rollout, steps: list[str]) -> list[float]:
        verdicts = self.source.judge_steps(rollout.problem, steps)
        if verdicts is None:
            raise ValueError(f"{type(self.source).__name__} cannot tell which steps are true; TruthScorer needs one.")
        return [float(verdict) for verdict in verdicts]
