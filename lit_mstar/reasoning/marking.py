"""Right or wrong: splits responses into steps, extracts their answers and compares them with the reference."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lit_mstar.reasoning.answers import ANSWER_PATTERN, answers_match, extract_answer
from lit_mstar.reasoning.steps import STEP_PATTERN, split_steps, step_prefixes
from lit_mstar.rollouts.nouns import Rollout


@dataclass(frozen=True)
class ReasoningFormat:
    """How a response is read.

    Args:
        step_pattern: Regular expression of what begins a step ("Step 1:").
        answer_pattern: Regular expression of the answer line, with one group for the answer.

    Raises:
        ValueError: If one is not a regular expression, or the answer's has no group.
    """

    step_pattern: str = STEP_PATTERN
    answer_pattern: str = ANSWER_PATTERN

    def __post_init__(self) -> None:
        for name, pattern in vars(self).items():
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"ReasoningFormat.{name} is {pattern!r}: {error}.") from error
            if name == "answer_pattern" and groups != 1:
                raise ValueError(
                    f"ReasoningFormat.{name} is {pattern!r}; it needs exactly one group (…), for the answer."
                )

    def mark(self, rollout: Rollout) -> Rollout:
        """Fills in every response's steps, answer and correctness, in place; returns the rollout.

        `correct` stays None where the problem has no reference answer.
        """
        problem = rollout.problem
        for response in rollout.responses:
            response.steps = self.steps(response.text)
            response.answer = extract_answer(response.text, self.answer_pattern)
            if problem.answer is not None:
                response.correct = answers_match(response.answer, problem.answer, problem.choices or None)
        return rollout

    def steps(self, text: str) -> list[str]:
        """The reasoning steps of `text`, without its answer line."""
        return split_steps(text, self.step_pattern, self.answer_pattern)

    def prefixes(self, text: str) -> list[str]:
        """The beginnings of `text` up to the end of each step."""
        return step_prefixes(text, self.step_pattern, self.answer_pattern)
