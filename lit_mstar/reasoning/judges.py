"""Graders of other minds: a function of your own, and a language model that is asked.

Both find answers as `RuleGrader` does. docs/grading.md has an example of each.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

from lit_mstar.reasoning.chat_model import ChatModel
from lit_mstar.reasoning.grader import Grader, Verdict
from lit_mstar.reasoning.rules import RuleGrader
from lit_mstar.rollouts.nouns import Problem

_PROMPT = (
    "Question: {question}\nReference answer: {reference}\nGiven answer: {answer}\n\n"
    "Does the given answer mean the same as the reference answer? Reply with yes or no."
)
_REMEMBERED = 2**16  # replies, ours


class _Finding(Grader):
    """Finds answers by rules."""

    def __init__(self, rules: RuleGrader | None) -> None:
        self.rules = rules or RuleGrader()

    def extract(self, text: str, problem: Problem) -> str | None:
        """See `Grader.extract`."""
        self.rules.reasoning = self.reasoning
        return self.rules.extract(text, problem)


class FunctionGrader(_Finding):
    """Asks a function of yours.

    Args:
        function: Called with the answer and the problem; returns whether it is right. In YAML, its import path:
            `my_rewards.same_colour`.
        rules: How answers are found.
    """

    def __init__(self, function: Callable[[str, Problem], bool], rules: RuleGrader | None = None) -> None:
        super().__init__(rules)
        self.function = function

    def matches(self, predicted: str | None, problem: Problem) -> Verdict:
        """See `Grader.matches`; the function is never asked about a missing answer."""
        if predicted is None or not predicted.strip():
            return Verdict(False, "no answer")
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return Verdict(bool(self.function(predicted, problem)), name)


class JudgeGrader(_Finding):
    """Asks a language model behind an OpenAI-compatible URL, where rules do not already say that an answer is right.

    A reply that is neither yes nor no, and a server that does not answer, count as no: what cannot be judged is not
    learned. Both are counted and warned of once.

    Args:
        url: The server's base, as `http://127.0.0.1:8000/v1`.
        model: The name under which it serves the model.
        prompt: What it is asked; `{question}`, `{reference}` and `{answer}` are filled in.
        rules: How answers are found, and which are right without asking.
        token_file: A file with the token that the server wants.
        timeout: Seconds that one reply may take.

    Raises:
        ValueError: If the prompt lacks `{reference}` or `{answer}`.
    """

    def __init__(
        self,
        url: str,
        model: str,
        prompt: str = _PROMPT,
        rules: RuleGrader | None = None,
        token_file: Path | None = None,
        timeout: float = 60.0,
    ) -> None:
        super().__init__(rules)
        if missing := [place for place in ("{reference}", "{answer}") if place not in prompt]:
            raise ValueError(f"JudgeGrader.prompt is {prompt!r}; it must contain {missing[0]}.")
        self.url = url.rstrip("/")
        self.model = model
        self.prompt = prompt
        self.token_file = token_file
        self.timeout = timeout
        self._chat = ChatModel(url, model, token_file, timeout)
        self._replies: dict[str, Verdict] = {}
        self._unclear = 0

    def matches(self, predicted: str | None, problem: Problem) -> Verdict:
        """See `Grader.matches`; equal questions are asked once."""
        verdict = self.rules.matches(predicted, problem)
        if verdict.correct or predicted is None or not predicted.strip():
            return verdict
        asked = self._chat.filled(
            self.prompt, question=problem.question, reference=str(problem.answer), answer=predicted
        )
        if asked not in self._replies:
            if len(self._replies) >= _REMEMBERED:
                self._replies.clear()
            self._replies[asked] = self._ask(asked)
        return self._replies[asked]

    def _ask(self, text: str) -> Verdict:
        try:
            said = self._chat.reply(text, max_tokens=8)
        except ValueError as error:
            return self._unsure(str(error))
        first = re.match(r"\W*(yes|no)\b", said, re.IGNORECASE)
        if first is None:
            return self._unsure(f"the judge replied {said[:40]!r}")
        return Verdict(first[1].lower() == "yes", f"judge: {first[1].lower()}")

    def _unsure(self, why: str) -> Verdict:
        self._unclear += 1
        if self._unclear == 1:
            warnings.warn(f"An answer counts as wrong because {why}; further ones are not reported.", stacklevel=4)
        return Verdict(False, "judge: unclear")
