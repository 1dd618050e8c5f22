"""Right or wrong: splits responses into steps, extracts their answers and compares them with the reference."""

from __future__ import annotations

from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.reasoning.grader import Grader, Verdict
from lit_mstar.reasoning.rules import RuleGrader
from lit_mstar.rollouts.nouns import Rollout

CUT = "cut at max_tokens"
NO_ANSWER = "no answer"


class Marker:
    """Marks rollouts: how they are written, and who grades them.

    Args:
        reasoning: How responses are written.
        grader: Who says what is right; ours by default.
    """

    def __init__(self, reasoning: ReasoningFormat = ReasoningFormat(), grader: Grader | None = None) -> None:
        self.reasoning = reasoning
        self.grader = grader or RuleGrader()
        self.grader.reasoning = reasoning

    def mark(self, rollout: Rollout) -> Rollout:
        """Fills in every response's steps, answer, correctness and the rule behind it, in place; returns the rollout.

        `correct` stays None where the problem has no reference answer. A response that was cut gives no answer: what
        is there may be the beginning of another. Equal answers are judged once.
        """
        verdicts: dict[str, Verdict] = {}
        for response in rollout.responses:
            response.steps = self.reasoning.steps(response.text)
            cut = response.finish_reason == "length" and not self.reasoning.cut_may_be_right
            answer = None if cut else self.grader.extract(response.text, rollout.problem)
            response.answer, response.correct, response.rule = answer, None, CUT if cut else ""
            if rollout.problem.answer is None:
                continue
            if answer is None or not answer.strip():
                response.correct, response.rule = False, CUT if cut else NO_ANSWER
                continue
            if answer not in verdicts:
                verdicts[answer] = self.grader.matches(answer, rollout.problem)
            response.correct, response.rule = verdicts[answer].correct, verdicts[answer].rule
        return rollout

    def settings(self) -> str:
        """All that decides its marks, as a text."""
        return f"{self.reasoning!r} {self.grader.settings()}"
