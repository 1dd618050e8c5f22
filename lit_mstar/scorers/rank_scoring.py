"""Scoring rollouts in a run: on all ranks, in blocks, with a progress bar, on the policy's device."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from lit_mstar.ranks import rank, ranks
from lit_mstar.rewards.aggregation import Aggregation, aggregate
from lit_mstar.rollouts.nouns import Rollout
from lit_mstar.scorers.base import Scores, StepScorer, require_scores
from lit_mstar.terminal.phases import phase
from lit_mstar.training.division import gather, gather_dict

_BLOCK = 256  # rollouts per rank that are scored together, ours: enough to put equal prompts together


class RankScoring:
    """Gives responses the scores of a scorer.

    Args:
        scorer: Whose.
        aggregation: How steps' scores become a response's; None takes the scorer's own.
    """

    def __init__(self, scorer: StepScorer, aggregation: Aggregation | None = None) -> None:
        self.scorer = scorer
        self.aggregation: Aggregation = aggregation or scorer.aggregation

    def blocks(
        self, rollouts: Sequence[Rollout], device: torch.device, trainer: Any = None, divided: bool = False
    ) -> Any:
        """Scores rollouts in place, and yields each once it is; all ranks must call it.

        The scorer is on the device only meanwhile.

        Args:
            rollouts: The same on all ranks, or each rank's own.
            device: The scorer's, while it scores.
            trainer: Shows how far it is.
            divided: Whether each rank has its own, and scores them all. Otherwise ranks score their part of each block
                and tell each other, so that all have the same.

        Raises:
            ValueError: As `require_scores`, or if a response's score is not finite.
        """
        self.scorer.place(device)
        together = 1 if divided else ranks()  # how many score a block
        try:
            with phase(trainer, "scoring", len(rollouts)) as advance:
                for start in range(0, len(rollouts), _BLOCK * together):
                    block = rollouts[start : start + _BLOCK * together]
                    for offset, scores in enumerate(self._of_block(block, together)):
                        rollout = rollouts[start + offset]
                        self._give(rollout, scores)
                        yield rollout
                    advance(len(block))
            said = gather(self.scorer.said())  # by all: a scorer that ranks share rests when the last has done
        finally:
            self.scorer.rest()
        for text in dict.fromkeys(filter(None, said)):
            warnings.warn(text, stacklevel=2)

    def scored(self, rollouts: Sequence[Rollout], device: torch.device, trainer: Any = None) -> list[Rollout]:
        """Copies of rollouts with this scorer's scores, whatever scores they had."""
        copies = [replace(x, responses=[replace(response) for response in x.responses]) for x in rollouts]
        return list(self.blocks(copies, device, trainer))

    def _of_block(self, block: Sequence[Rollout], together: int) -> Scores:
        """The step scores of every response, as from one process; each of several ranks computes a part of them."""
        longest_first = sorted(range(len(block)), key=lambda i: -sum(len(r.token_ids) for r in block[i].responses))
        mine = longest_first[rank() :: together] if together > 1 else longest_first
        scores = require_scores(self.scorer, [block[i] for i in mine])
        found = dict(zip(mine, scores, strict=True))
        found = gather_dict(found) if together > 1 else found
        return [found[i] for i in range(len(block))]

    def _give(self, rollout: Rollout, scores: list[list[float]]) -> None:
        for response, steps in zip(rollout.responses, scores, strict=True):
            response.step_scores = steps
            response.score = aggregate(steps, self.aggregation)
