"""How a response is written: where its steps begin, where its answer stands, how an answer is stated."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lit_mstar.reasoning.steps import ANSWER_PATTERN, STEP_PATTERN, split_steps, step_prefixes


@dataclass(frozen=True)
class ReasoningFormat:
    """How responses are read, and how answers are taught; one setting for all who ask.

    Args:
        step_pattern: Regular expression of what begins a step ("Step 1:").
        answer_pattern: Regular expression of the answer line, with one group for the answer; None finds "Answer: …" as
            models write it (`steps.ANSWER_PATTERN`).
        answer_template: How an answer is stated where the bare answer is learned; `{answer}` is filled in. It must
            be what `answer_pattern` finds.
        cut_may_be_right: Whether a response that was cut at `max_tokens` can count as right. It never does by default:
            "Answer: 12" may be the beginning of 125, and what never ends would be learned.

    Raises:
        ValueError: If a pattern is not a regular expression, the answer's has no group, or it does not find the answer
            in the template.
    """

    step_pattern: str = STEP_PATTERN
    answer_pattern: str | None = None
    answer_template: str = "Answer: {answer}"
    cut_may_be_right: bool = False

    def __post_init__(self) -> None:
        for name in ("step_pattern", "answer_pattern"):
            pattern = getattr(self, name) or ANSWER_PATTERN
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"ReasoningFormat.{name} is {pattern!r}: {error}.") from error
            if name == "answer_pattern" and groups != 1:
                raise ValueError(
                    f"ReasoningFormat.{name} is {pattern!r}; it needs exactly one group (…), for the answer."
                )
        if "{answer}" not in self.answer_template:
            raise ValueError(f"ReasoningFormat.answer_template is {self.answer_template!r}; it must have {{answer}}.")

    @property
    def pattern(self) -> str:
        """The regular expression of the answer line."""
        return self.answer_pattern or ANSWER_PATTERN

    def stated(self, answer: str) -> str:
        """The bare answer as a response would state it.

        Raises:
            ValueError: If `answer_pattern` does not find it again: what is taught must be what is read.
        """
        text = self.answer_template.replace("{answer}", answer)
        found = re.findall(self.pattern, text)
        if not found or found[-1].strip() != answer.strip():
            raise ValueError(
                f"ReasoningFormat.answer_template makes {text!r}, in which answer_pattern {self.pattern!r} "
                f"finds {found[-1].strip() if found else 'nothing'!r}; make them fit each other."
            )
        return text

    def steps(self, text: str) -> list[str]:
        """The reasoning steps of `text`, without its answer line."""
        return split_steps(text, self.step_pattern, self.pattern)

    def prefixes(self, text: str) -> list[str]:
        """The beginnings of `text` up to the end of each step."""
        return step_prefixes(text, self.step_pattern, self.pattern)
