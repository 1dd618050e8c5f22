"""What became of a benchmark's problems: each response right or wrong by the official rule, and by ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lit_mstar.evaluation.scoring import Scoring
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.reasoning.marking import Marker
from lit_mstar.reasoning.voting import vote
from lit_mstar.rollouts.identity import image_digest
from lit_mstar.rollouts.nouns import Problem, Rollout


@dataclass(frozen=True, kw_only=True)
class Graded:
    """A problem and its N responses.

    Args:
        id: The problem's.
        cluster: What ties it to others: rotations of one question, questions on one image.
        tags: The problem's.
        official: By the benchmark's rule, (N,).
        ours: By `RuleGrader`, (N,).
        answered: Whether an answer was found, (N,).
        cut: Whether it was cut at `max_tokens`, (N,).
        tokens: Lengths (N,), None where a server did not say.
        majority: Whether the answer that most responses give is right by the benchmark's rule.
        best: Whether the response that a PRM scores highest is right; None where nobody scored.
    """

    id: str
    cluster: str
    tags: Mapping[str, str]
    official: tuple[bool, ...]
    ours: tuple[bool, ...]
    answered: tuple[bool, ...]
    cut: tuple[bool, ...]
    tokens: tuple[int | None, ...]
    majority: bool
    best: bool | None


def graded(rollouts: Iterable[Rollout], scoring: Scoring, reasoning: ReasoningFormat) -> list[Graded]:
    """Marks rollouts twice; nothing is sampled.

    Args:
        rollouts: One of each problem; changed in place, and at the end marked by the benchmark's rule.
        scoring: With the rule.
        reasoning: How responses are written.
    """
    ours, official = Marker(reasoning), Marker(reasoning, scoring.grader)
    return [_graded(rollout, scoring, ours, official) for rollout in rollouts]


def _graded(rollout: Rollout, scoring: Scoring, ours: Marker, official: Marker) -> Graded:
    problem, responses = rollout.problem, rollout.responses
    own = tuple(response.correct is True for response in ours.mark(rollout).responses)
    answered = tuple(response.answer is not None for response in responses)
    winner, _ = vote([r.answer for r in responses], agree=lambda a, b: ours.grader.agree(a, b, problem))
    theirs = tuple(response.correct is True for response in official.mark(rollout).responses)
    scores = [response.score for response in responses]
    return Graded(
        id=problem.id,
        cluster=cluster_of(problem, scoring),
        tags=dict(problem.tags),
        official=theirs,
        ours=own,
        answered=answered,
        cut=tuple(response.finish_reason == "length" for response in responses),
        tokens=tuple(len(response.token_ids) or None for response in responses),
        majority=winner is not None and scoring.grader.matches(winner, problem).correct,
        best=None if None in scores else theirs[max(range(len(scores)), key=lambda i: scores[i] or 0.0)],
    )


def cluster_of(problem: Problem, scoring: Scoring) -> str:
    """What ties a problem to others: its question where there are rotations, else its images, else nothing."""
    if scoring.rotations and scoring.rotations in problem.tags:
        return f"question {problem.tags[scoring.rotations]}"
    return " ".join(image_digest(image)[:16] for image in problem.images) or f"problem {problem.id}"
