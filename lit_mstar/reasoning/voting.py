"""Votes among answers: which one the responses agree on, each counting once or by its reward."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from functools import partial

from lit_mstar.reasoning.answers import answers_match


def vote(
    answers: Sequence[str | None],
    weights: Sequence[float] | None = None,
    choices: Sequence[str] | None = None,
    agree: Callable[[str, str], bool] | None = None,
) -> tuple[str | None, float]:
    """The answer with the most votes (self-consistency; with rewards as weights, the paper's weighted voting).

    Answers that mean the same are one candidate, by the wording that came first; a response without an answer, or with
    a blank one, votes for none, but counts in the total. Among candidates with equally many votes, the first wins.

    Args:
        answers: What each response says; None where it has no answer.
        weights: What each vote counts, finite and not negative; 1 each by default.
        choices: The problem's options, in which "B" and the second option are the same.
        agree: Whether two answers mean the same, as a grader says (`Grader.agree`); by default `answers_match` with
            `choices`.

    Returns:
        The winner, None if nobody has an answer, and its share of all votes, in [0, 1]; 0 if all weigh nothing.

    Raises:
        ValueError: If there are not as many weights as answers, or one is negative or not finite.
    """
    counts = [1.0] * len(answers) if weights is None else [float(weight) for weight in weights]
    if len(counts) != len(answers) or not all(0 <= count < math.inf for count in counts):  # NaN is in no range
        raise ValueError(f"weights are {counts} for {len(answers)} answers; give each a finite weight of 0 or more.")
    agree = agree or partial(answers_match, choices=choices)
    votes: dict[str, float] = {}
    for answer, count in zip(answers, counts, strict=True):
        if (same := _candidate(answer, votes, agree)) is not None:
            votes[same] = votes.get(same, 0.0) + count
    if not votes:
        return None, 0.0
    winner = max(votes, key=lambda answer: votes[answer])  # the first among equals: dicts keep their order
    return winner, votes[winner] / total if (total := sum(counts)) else 0.0


def _candidate(answer: str | None, known: Collection[str], agree: Callable[[str, str], bool]) -> str | None:
    """The known answer that means the same, else the answer itself; None for one that could never be right."""
    if answer is None or answer in known:
        return answer
    same = next((other for other in known if agree(answer, other)), None)
    # Blank ones (also "\\[", where a formula begins a line too late) do not even equal themselves.
    return answer if same is None and agree(answer, answer) else same
