from __future__ import annotations

import pytest

from lit_mstar.reasoning.answers import extract_answer
from lit_mstar.reasoning.format import ReasoningFormat

CHAIN = "Step 1: The first digit is 3.\nStep 2: The second digit is 4.\nAnswer: {}"


def test_prefixes_end_with_their_steps() -> None:
    text = CHAIN.format("7")
    prefixes = ReasoningFormat().prefixes(text)
    assert prefixes == [text[: text.index("Step 2")], text[: text.index("Answer")]]
    assert [ReasoningFormat().steps(p)[-1] for p in prefixes] == ReasoningFormat().steps(text)


@pytest.mark.parametrize("answer", ["7", "(B) a dog", r"\frac{1}{2}", "a: b"])
def test_what_is_stated_is_found_again(answer: str) -> None:
    assert ReasoningFormat().stated(answer) == f"Answer: {answer}"
    assert extract_answer(ReasoningFormat().stated(answer)) == answer


def test_a_template_of_ones_own() -> None:
    boxed = ReasoningFormat(answer_pattern=r"\\boxed\{(.*)\}", answer_template=r"So \boxed{{answer}}.")
    assert boxed.stated(r"\frac{1}{2}") == r"So \boxed{\frac{1}{2}}."


def test_a_template_that_is_not_found_again_is_refused() -> None:
    with pytest.raises(ValueError, match="make them fit each other"):
        ReasoningFormat(answer_template="It is {answer}").stated("7")
    with pytest.raises(ValueError, match="make them fit each other"):
        ReasoningFormat().stated("7\n8")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"step_pattern": "("}, r"ReasoningFormat\.step_pattern is '\('"),
        ({"answer_pattern": "("}, r"ReasoningFormat\.answer_pattern is '\('"),
        ({"answer_pattern": "Answer: .*"}, "exactly one group"),
        ({"answer_pattern": "(Final )?answer: (.*)"}, "exactly one group"),
        ({"answer_template": "Answer:"}, "it must have {answer}"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReasoningFormat(**given)
