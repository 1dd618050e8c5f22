"""Votes among answers: which one the responses agree on, each counting once or by its reward."""

from __future__ import annotations

from collections.abc import Sequence

from lit_mstar.answers import answers_match


def vote(
    answers: Sequence[str | None], weights: Sequence[float] | None = None, choices: Sequence[str] | None = None
) -> tuple[str | None, float]:
    """The answer with the most votes (self-consistency; with rewards as weights, the paper's weighted voting).

    Answers that mean the same are one candidate, by the wording that came first; a response without an answer votes
    for none, but counts in the total. Among candidates with equally many votes, the first wins.

    Args:
        answers: What each response says; None where it has no answer.
        weights: What each vote counts, not negative; 1 each by default.
        choices: The problem's options, in which "B" and the second option are the same.

    Returns:
        The winner, None if nobody has an answer, and its share of all votes, in [0, 1]; 0 if all weigh nothing.

    Raises:
        ValueError: If there are not as many weights as answers, or one is negative.
    """
    counts = [1.0] * len(answers) if weights is None else [float(weight) for weight in weights]
    if len(counts) != len(answers) or min(counts, default=0.0) < 0:
        raise ValueError(f"weights are {counts} for {len(answers)} answers; give each a weight of 0 or more.")
    votes: dict[str, float] = {}
    for answer, count in zip(answers, counts, strict=True):
        if answer is not None:
            same = answer if answer in votes else next((x for x in votes if answers_match(answer, x, choices)), answer)
            votes[same] = votes.get(same, 0.0) + count
    if not votes:
        return None, 0.0
    winner = max(votes, key=lambda answer: votes[answer])  # the first among equals: dicts keep their order
    return winner, votes[winner] / total if (total := sum(counts)) else 0.0
