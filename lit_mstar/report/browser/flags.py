"""What is worth a look: marks of problems and of single responses. All thresholds are ours."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from lit_mstar.equality.plain import plain
from lit_mstar.rollouts.nouns import Problem, Response, Rollout

SUSPECT = 0.3  # a right response with a step that scores less
_NEAR = 0.01  # of a number, relative
_ALIKE = 0.8  # of two answers, by `difflib`


class Flag(NamedTuple):
    """A filter: its name in data, for people, and what it means."""

    key: str
    label: str
    meaning: str


FLAGS = (
    Flag("gained", "became right", "at first not more than half of the responses were right, at last more than half"),
    Flag("lost", "became wrong", "at first more than half of the responses were right, at last not more than half"),
    Flag("never", "never right", "no response was ever right"),
    Flag(
        "suspect",
        "right, suspect chain",
        f"a right response with a step that is untrue, or, where nobody can tell, scores under {SUSPECT}",
    ),
    Flag("fooled", "PRM against truth", "the response that scores highest is wrong, though another is right"),
    Flag("near", "near-miss", "a wrong answer that looks like the reference: is the grader right?"),
    Flag("cut", "cut", "a response that was cut at max_tokens"),
)


def flags_of(history: Sequence[Rollout], marks: set[str]) -> set[str]:
    """The marks of a problem, from all that was ever sampled for it, in order, and the marks of these responses."""
    flags = set(marks)
    known = [rollout for rollout in history if any(response.correct is not None for response in rollout.responses)]
    if known:
        first, last = mostly_right(known[0]), mostly_right(known[-1])
        flags |= {"gained"} if last and not first else {"lost"} if first and not last else set()
        flags |= set() if any(one.correct for rollout in known for one in rollout.responses) else {"never"}
    return flags | ({"fooled"} if any(map(_fooled, history)) else set())


def marks_of(problem: Problem, response: Response, verdicts: Sequence[bool] | None) -> set[str]:
    """The marks of one response; `verdicts` say of each step whether it is true, where somebody can tell."""
    marks = {"cut"} if response.finish_reason == "length" else set()
    if response.correct and _suspect(response, verdicts):
        marks.add("suspect")
    if response.correct is False and response.answer and problem.answer:
        marks |= {"near"} if looks_like(response.answer, problem.answer) else set()
    return marks


def mostly_right(rollout: Rollout) -> bool:
    """Whether more than half of the responses are right."""
    return 2 * sum(response.correct is True for response in rollout.responses) > len(rollout.responses)


def looks_like(answer: str, reference: str) -> bool:
    """Whether a wrong answer is so near that a person might call it right."""
    given, wanted = (plain(text).casefold().strip() for text in (answer, reference))
    if not given or not wanted:
        return False
    try:
        first, second = (float(text.replace(",", "")) for text in (given, wanted))
        return first != second and abs(first - second) <= _NEAR * abs(second)
    except ValueError:
        pass
    words, other = given.split(), wanted.split()
    inside = " ".join(other) in " ".join(words) or " ".join(words) in " ".join(other)
    alike = len(wanted) > 3 and SequenceMatcher(None, given[:200], wanted[:200]).ratio() >= _ALIKE
    return (inside and bool({*words} & {*other})) or alike


def _suspect(response: Response, verdicts: Sequence[bool] | None) -> bool:
    if verdicts is not None:
        return not all(verdicts)
    return min(response.step_scores, default=1.0) < SUSPECT


def _fooled(rollout: Rollout) -> bool:
    scored = [response for response in rollout.responses if response.score is not None]
    if not any(response.correct for response in scored):
        return False
    return max(scored, key=lambda response: response.score or 0.0).correct is False
