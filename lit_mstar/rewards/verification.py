"""A reward as verifier, which picks one of N answers.

The paper finds its PRM a poor verifier, best-of-N and weighted voting don't beat a plain majority, and a good reranker
(`reranking`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean

from lit_mstar.reasoning.grader import Grader
from lit_mstar.reasoning.rules import RuleGrader
from lit_mstar.rewards.estimators import pass_at_k
from lit_mstar.rollouts.nouns import Rollout
from lit_mstar.rollouts.tensors import correctness, scores

_RIGHT = -1  # the candidate that agrees with the reference answer


def sizes_up_to(n: int) -> list[int]:
    """The N at which accuracies are measured: 1, 2, 4, … up to n, and n itself."""
    return sorted({n, *(2**power for power in range(n.bit_length()))})


def accuracies(
    rollouts: Sequence[Rollout], sizes: Sequence[int], grader: Grader | None = None
) -> dict[str, dict[int, float]]:
    """The accuracy of each way to answer from N responses, by name and N: means over problems.

    `majority` gives the answer of most responses, and `pass` counts any that is correct (Pass@N, the upper bound).
    Where all responses have scores, `best_of_n` gives the answer of the one that scores highest and `weighted_vote`
    that with the highest sum of scores. Among equals, the first wins. Answers that mean the same are one candidate,
    as for `voting.vote`; a response without an answer votes for none. Without a reference answer all are wrong.

    All N share the same responses: a problem's accuracy at N is the mean over its disjoint groups of N consecutive
    responses, which is less noisy than the first N alone; what is left over for no whole group doesn't count.
    Pass@N is the unbiased estimate from all responses (`pass_at_k`).

    Args:
        rollouts: Marked, with equally many responses each.
        sizes: The N, each from 1 to the number of responses.
        grader: Who says which answers mean the same; ours by default.

    Raises:
        ValueError: If an N is outside its range, or a score is negative or NaN.
    """
    correct, ranking = correctness(rollouts), scores(rollouts)
    if ranking is not None and not (ranking >= 0).all():
        raise ValueError(f"The least score is {ranking.min():g}; votes need weights of 0 or more.")
    ways = {"pass": {size: float(pass_at_k(correct, size).mean()) for size in sizes}}
    ballots = [_Ballot(rollout, grader or RuleGrader()) for rollout in rollouts]
    for way in ("majority",) if ranking is None else ("majority", "best_of_n", "weighted_vote"):
        ways[way] = {size: fmean(ballot.accuracy(way, size) for ballot in ballots) for size in sizes}
    return ways


class _Ballot:
    """A problem's responses as votes."""

    def __init__(self, rollout: Rollout, grader: Grader) -> None:
        self.candidates = _candidates(rollout, grader)
        self.correct = [response.correct is True for response in rollout.responses]
        self.scores = [response.score or 0.0 for response in rollout.responses]

    def accuracy(self, way: str, size: int) -> float:
        """The share of the groups of `size` responses that it answers correctly."""
        right = {"majority": self._majority, "weighted_vote": self._weighted, "best_of_n": self._best}[way]
        starts = range(0, len(self.correct) - size + 1, size)
        return fmean(right(range(start, start + size)) for start in starts)

    def _majority(self, group: range) -> bool:
        return self._elected(group, [1.0] * len(self.correct))

    def _weighted(self, group: range) -> bool:
        return self._elected(group, self.scores)

    def _best(self, group: range) -> bool:
        return self.correct[max(group, key=lambda i: self.scores[i])]  # the first among equals

    def _elected(self, group: range, weights: Sequence[float]) -> bool:
        votes: dict[int, float] = {}
        for i in group:
            if (candidate := self.candidates[i]) is not None:
                votes[candidate] = votes.get(candidate, 0.0) + weights[i]
        return bool(votes) and max(votes, key=lambda candidate: votes[candidate]) == _RIGHT


def _candidates(rollout: Rollout, grader: Grader) -> list[int | None]:
    """Whom each response votes for; None where it has no answer.

    Answers are compared once per problem and not in every group: `vote` would take minutes for 64 responses.
    Those that agree with the reference are one candidate; the others are compared among themselves.
    """
    known: dict[str, int] = {}
    wordings: list[str] = []  # the first of each wrong candidate
    for response in rollout.responses:
        if (answer := response.answer) is not None and answer not in known:
            agree = partial(grader.agree, problem=rollout.problem)
            known[answer] = _RIGHT if response.correct is True else _index(answer, wordings, agree)
    return [None if response.answer is None else known[response.answer] for response in rollout.responses]


def _index(answer: str, wordings: list[str], agree: Callable[[str, str], bool]) -> int:
    """The position of the wording that means the same; a new one is added."""
    for index, wording in enumerate(wordings):
        if agree(answer, wording):
            return index
    wordings.append(answer)
    return len(wordings) - 1
