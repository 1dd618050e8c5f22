from __future__ import annotations

import pytest

from lit_mstar import Problem
from lit_mstar.data.checks import require_reasoning, require_reasoning_agrees
from lit_mstar.reasoning import RuleGrader
from lit_mstar.reasoning.format import ReasoningFormat


def chain(reasoning: str, answer: str | None = "7", source: str = "seed.jsonl:3") -> Problem:
    return Problem(id="p", question="?", reasoning=reasoning, answer=answer, source=source)


def test_an_agreeing_end_passes() -> None:
    require_reasoning(chain("Step 1: 3 + 4.\nAnswer: 7.0"), RuleGrader())
    require_reasoning(chain("Step 1: 3 + 4.\nAnswer: 8", answer=None), RuleGrader())  # nothing to contradict


def test_another_end_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"^seed.jsonl:3: field 'reasoning' ends in the answer '8', but .* '7'; correct"
    ):
        require_reasoning(chain("Answer: 8"), RuleGrader())


def test_no_end_is_named_with_both_remedies() -> None:
    said = (
        r"^Problem p: .*no final answer that RuleGrader finds; end it with 'Answer: .*answer_pattern to how yours ends"
    )
    with pytest.raises(ValueError, match=said):
        require_reasoning(
            chain("Step 1: I count.\nStep 2: I stop there and say no more.", source="digits"), RuleGrader()
        )
    assert require_reasoning_agrees(chain("Step 1: I count.\nStep 2: I stop and say no more."), RuleGrader()) is None


def test_the_user_s_own_format_is_read() -> None:
    grader = RuleGrader()
    grader.reasoning = ReasoningFormat(answer_pattern=r"(?m)^=> (.*)$", answer_template="=> {answer}")
    require_reasoning(chain("three and four\n=> 7"), grader)
    with pytest.raises(ValueError, match="ends in the answer '8'"):
        require_reasoning(chain("three and four\n=> 8"), grader)
