"""Right or wrong: splits responses into steps, extracts their answers and compares them with the reference."""

from __future__ import annotations

from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.reasoning.grader import Grader, Verdict
from lit_mstar.reasoning.rules import RuleGrader
from lit_mstar.rollouts.nouns import Response, Rollout

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

        `correct` stays None where the problem has no reference answer. Equal answers are judged once.
        """
        problem, verdicts = rollout.problem, dict[str | None, Verdict]()
        for response in rollout.responses:
            response.steps = self.reasoning.steps(response.text)
            response.answer = self.grader.extract(response.text, problem)
            response.correct, response.rule = None, ""
            if problem.answer is not None:
                verdict = self._refused(response)
                if verdict is None:
                    if response.answer not in verdicts:
                        verdicts[response.answer] = self.grader.matches(response.answer, problem)
                    verdict = verdicts[response.answer]
                response.correct, response.rule = verdict.correct, verdict.rule
        return rollout

    def settings(self) -> str:
        """All that decides its marks, as a text."""
        return f"{self.reasoning!r} {self.grader.settings()}"

    def _refused(self, response: Response) -> Verdict | None:
        """Why a response is wrong whatever its answer; None where that is to be judged."""
        if response.finish_reason == "length" and not self.reasoning.cut_may_be_right:
            return Verdict(False, CUT)
        if response.answer is None or not response.answer.strip():
            return Verdict(False, NO_ANSWER)
        return None
