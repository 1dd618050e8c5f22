"""The grader that is used unless another is named: careful rules, no settings needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lit_mstar.equality.comparison import TOLERANCE, Comparison
from lit_mstar.reasoning.answers import extract_answer, judge
from lit_mstar.reasoning.extraction import Extractor
from lit_mstar.reasoning.grader import Grader, Verdict
from lit_mstar.rollouts.nouns import Problem


class RuleGrader(Grader):
    """Finds answers where models put them, and compares them by what they are.

    What an answer is (number, choice, list, text, expression) is decided from the reference and the choices; only what
    is an expression meets symbolic mathematics. A problem's own `answer_type`, `precision` and `unit` come first.

    Args:
        extractors: The ways to state an answer that are looked for; all shipped ones by default, but where
            `reasoning.answer_pattern` is set, that alone.
        tolerance: Largest relative difference of equal numbers, unless both are integers (ours).
        precision: Decimal places to which numbers are rounded before they are compared; None doesn't.
        units: "optional" lets a unit stand on one side only, "required" wants one where the reference has one, and
            "ignored" compares numbers alone.
        timeout: Seconds that one symbolic comparison may take.

    Raises:
        ValueError: If a value is outside its range.
    """

    def __init__(
        self,
        extractors: Sequence[Extractor] | None = None,
        tolerance: float = TOLERANCE,
        precision: int | None = None,
        units: Literal["optional", "required", "ignored"] = "optional",
        timeout: float = 3.0,
    ) -> None:
        for name, ok, value, wanted in (
            ("extractors", extractors is None or len(extractors) > 0, extractors, "at least one"),
            ("tolerance", 0 <= tolerance < 1, tolerance, "in [0, 1)"),
            ("precision", precision is None or precision >= 0, precision, "0 or more decimal places"),
            ("timeout", timeout > 0, timeout, "a positive number of seconds"),
        ):
            if not ok:
                raise ValueError(f"RuleGrader.{name} is {value!r}; it must be {wanted}.")
        self.extractors = None if extractors is None else tuple(extractors)
        self.tolerance = tolerance
        self.precision = precision
        self.units = units
        self.timeout = timeout

    def extract(self, text: str, problem: Problem) -> str | None:
        """See `Grader.extract`."""
        return extract_answer(text, self.reasoning.pattern, self.extractors)

    def matches(self, predicted: str | None, problem: Problem) -> Verdict:
        """See `Grader.matches`; any of the accepted answers will do."""
        comparison = Comparison(
            tolerance=self.tolerance,
            precision=self.precision if problem.precision is None else problem.precision,
            unit=problem.unit,
            units=self.units,
            answer_type=problem.answer_type,
            timeout=self.timeout,
        )
        verdict = judge(predicted, str(problem.answer), problem.choices, comparison)
        for other in problem.accepted if not verdict.correct else ():
            verdict = judge(predicted, other, problem.choices, comparison)
            if verdict.correct:
                break
        return verdict
