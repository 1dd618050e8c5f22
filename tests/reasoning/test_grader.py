from __future__ import annotations

import subprocess
import sys

import pytest

from lit_mstar import Problem
from lit_mstar.reasoning.extraction import Box
from lit_mstar.reasoning.grader import Grader, Verdict
from lit_mstar.reasoning.judges import FunctionGrader
from lit_mstar.reasoning.rules import RuleGrader

PROBLEM = Problem(id="p", question="?", answer="B", choices=("red", "blue"), accepted=("A",), answer_type="letter")


class Lengths(Grader):
    """Right is what is as long as the reference."""

    def extract(self, text: str, problem: Problem) -> str | None:
        return text or None

    def matches(self, predicted: str | None, problem: Problem) -> Verdict:
        return Verdict(predicted is not None and len(predicted) == len(str(problem.answer)), "length")


@pytest.mark.parametrize(
    ("first", "second", "expected"), [("B", "blue", True), ("A", "red", True), ("A", "B", False), ("A", "blue", False)]
)
def test_agreement_is_with_the_other_answer_not_with_the_reference(first: str, second: str, expected: bool) -> None:
    assert RuleGrader().agree(first, second, PROBLEM) is expected
    assert RuleGrader().agree(second, first, PROBLEM) is expected


def test_a_grader_of_ones_own() -> None:
    assert Lengths().matches("x", PROBLEM) == Verdict(True, "length")
    assert Lengths().agree("xy", "ab", PROBLEM)
    assert not Lengths().agree("xy", "a", PROBLEM)


@pytest.mark.parametrize(
    "other", [RuleGrader(precision=1), RuleGrader(extractors=[Box()]), Lengths(), RuleGrader(timeout=1)]
)
def test_settings_tell_graders_apart(other: Grader) -> None:
    assert RuleGrader().settings() == RuleGrader().settings()
    assert RuleGrader().settings() != other.settings()


def test_settings_are_the_same_in_every_process() -> None:
    code = (
        "from lit_mstar.reasoning import FunctionGrader, RuleGrader\n"
        "import operator\nprint(RuleGrader().settings(), FunctionGrader(operator.eq).settings())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    import operator

    assert shown == f"{RuleGrader().settings()} {FunctionGrader(operator.eq).settings()}\n"
    assert " at 0x" not in shown
