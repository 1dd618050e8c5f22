from __future__ import annotations

import pytest

from lit_mstar import Problem
from lit_mstar.reasoning.extraction import Box, Label
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.reasoning.rules import RuleGrader


def problem(answer: str = "5", **given: object) -> Problem:
    return Problem(id="p", question="?", answer=answer, **given)


@pytest.mark.parametrize(
    ("asked", "answer", "expected"),
    [
        (problem("5"), "5.0", True),
        (problem("5"), "6", False),
        (problem("5"), None, False),
        (problem("5"), "", False),
        (problem("5"), "$$", False),
        (problem("5", accepted=("five apples", "6")), "6", True),
        (problem("5", accepted=("7", "6")), "8", False),
        (problem("2.72", precision=2), "2.7182", True),
        (problem("3", precision=0), "2.7", True),
        (problem("5", unit="cm"), "50 mm", True),
        (problem("5", unit="cm"), "5 m", False),
        (problem("1.0", answer_type="text"), "1", False),
        (problem("B", choices=("red", "blue")), "blue", True),
        (problem("B", choices=("red", "blue")), "B. red", False),
        (problem("C", choices=("C", "B", "A"), answer_type="option"), "A", True),
        (problem("C", choices=("C", "B", "A"), answer_type="letter"), "C", True),
        (problem("B"), "B. 24", True),
        (problem("B"), "C. 24", False),
        (problem("B"), "B. C", False),
        (problem("B", choices=("red", "blue"), accepted=("A",)), "red", True),
    ],
)
def test_matches(asked: Problem, answer: str | None, expected: bool) -> None:
    assert RuleGrader().matches(answer, asked).correct is expected


@pytest.mark.parametrize(
    ("grader", "answer", "reference", "expected"),
    [
        (RuleGrader(tolerance=0.05), "10.4", "10.0", True),
        (RuleGrader(tolerance=0.05), "10.6", "10.0", False),
        (RuleGrader(precision=1), "2.54", "2.5", True),
        (RuleGrader(units="required"), "5", "5 cm", False),
        (RuleGrader(units="ignored"), "5 kg", "5 cm", True),
    ],
)
def test_settings(grader: RuleGrader, answer: str, reference: str, expected: bool) -> None:
    assert grader.matches(answer, problem(reference)).correct is expected


def test_a_problems_own_precision_comes_first() -> None:
    assert RuleGrader(precision=0).matches("2.7", problem("2.72", precision=2)).correct is False


def test_extract_uses_the_format_and_the_extractors() -> None:
    text = "\\boxed{4}\n=> 5\nAnswer: 6"
    grader = RuleGrader(extractors=[Label()])
    assert grader.extract(text, problem()) == "6"
    grader.reasoning = ReasoningFormat(answer_pattern="(?m)^=> (.*)$", answer_template="=> {answer}")
    assert grader.extract(text, problem()) == "5"
    assert RuleGrader(extractors=[Box()]).extract(text, problem()) == "4"


@pytest.mark.parametrize(
    "given",
    [{"extractors": []}, {"tolerance": -0.1}, {"tolerance": 1.0}, {"precision": -1}, {"timeout": 0}],
)
def test_settings_out_of_range_are_refused(given: dict[str, object]) -> None:
    (name,) = given
    with pytest.raises(ValueError, match=rf"RuleGrader\.{name} is .*; it must be"):
        RuleGrader(**given)
