"""The grader that is used unless another is named: careful rules, no settings needed."""

from __future__ import annotations

from lit_mstar.reasoning.answers import answers_match, extract_answer
from lit_mstar.reasoning.grader import Grader, Verdict
from lit_mstar.rollouts.nouns import Problem


class RuleGrader(Grader):
    """Compares answers by rules."""

    def extract(self, text: str, problem: Problem) -> str | None:
        """See `Grader.extract`."""
        return extract_answer(text, self.reasoning.answer_pattern)

    def matches(self, predicted: str | None, problem: Problem) -> Verdict:
        """See `Grader.matches`."""
        return Verdict(answers_match(predicted, str(problem.answer), problem.choices or None))
