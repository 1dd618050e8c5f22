"""What a chain of thought that is to be learned must be: it ends in the answer that its row gives."""

from __future__ import annotations

from lit_mstar.reasoning.grader import Grader
from lit_mstar.rollouts.nouns import Problem


def require_reasoning_agrees(problem: Problem, grader: Grader) -> str | None:
    """The answer that a problem's reasoning ends in; None where the grader finds none.

    Raises:
        ValueError: If it is another one than the problem's.
    """
    found = grader.extract(problem.reasoning or "", problem)
    if found is not None and problem.answer is not None and not grader.matches(found, problem).correct:
        raise ValueError(
            f"field 'reasoning' ends in the answer {found!r}, but field 'answer' is {problem.answer!r}; correct one of "
            "them."
        )
    return found


def require_reasoning(problem: Problem, grader: Grader) -> None:
    """Raises ValueError if a problem's reasoning does not end in its answer, as the policy's grader finds it."""
    try:
        found = require_reasoning_agrees(problem, grader)
    except ValueError as error:
        raise ValueError(f"{where(problem)}: {error}") from error
    if found is None:
        raise ValueError(
            f"{where(problem)}: field 'reasoning' has no final answer that {type(grader).__name__} finds; end it with "
            f"{grader.reasoning.answer_template!r}, or set model.init_args.reasoning.answer_pattern to how yours ends."
        )


def where(problem: Problem) -> str:
    """How people find a problem: its file and row, or its id."""
    return problem.source if ":" in problem.source else f"Problem {problem.id}"
