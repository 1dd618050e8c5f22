"""What an iteration gave: the responses to learn from, in one pass over what is on disk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from lit_mstar.data.loaders import Example
from lit_mstar.rollouts.nouns import Iteration, Rollout
from lit_mstar.training.division import parts


@dataclass
class Harvest:
    """What is learned from some rollouts, and what is counted of them, by problem id.

    Args:
        chosen: Token ids of the selected responses, where there are any.
        lengths: Mean tokens of a problem's responses.
        counts: As `Iteration.counts`.
    """

    chosen: dict[str, list[NDArray[np.int32]]] = field(default_factory=dict)
    lengths: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, rollout: Rollout) -> None:
        """Takes one rollout in."""
        responses, key = rollout.responses, rollout.problem.id
        self.lengths[key] = fmean(len(response.token_ids) for response in responses)
        if rollout.selected:
            # Arrays: a list of numbers would take ten times the memory.
            self.chosen[key] = [np.array(responses[i].token_ids, np.int32) for i in rollout.selected]
        self.counts["sampled"] += len(responses)
        self.counts["correct"] += sum(response.correct is True for response in responses)
        self.counts["kept"] += len(rollout.selected)
        self.counts["cut"] += sum(response.finish_reason == "length" for response in responses)

    def join(self, other: Harvest) -> None:
        """Takes in what others gathered, of other problems."""
        self.chosen |= other.chosen
        self.lengths |= other.lengths
        self.counts.update(other.counts)


def harvest(iteration: Iteration) -> Harvest:
    """What all ranks' rollouts gave, on every rank; all must call it."""
    mine, everything = Harvest(), Harvest()
    for rollout in iteration.rollouts:
        mine.add(rollout)
    for part in parts(iteration, mine):
        everything.join(part)
    return everything


def examples(iteration: Iteration, found: Harvest) -> list[Example]:
    """The epoch's examples, in the order of the iteration's problems."""
    return [(problem, ids) for problem in iteration.problems for ids in found.chosen.get(problem.id, ())]
