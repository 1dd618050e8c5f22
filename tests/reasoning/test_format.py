from __future__ import annotations

import pytest

from lit_mstar.reasoning.format import ReasoningFormat

OWN = ReasoningFormat(r"(?m)^- ", r"(?m)^=> (.*)$", "=> {answer}")


def test_one_format_reads_and_teaches() -> None:
    text = "- three\n- four\n=> 7"
    assert OWN.steps(text) == ["- three", "- four"]
    assert OWN.prefixes(text) == ["- three\n", "- three\n- four\n"]
    assert OWN.stated("7") == "=> 7"
    assert ReasoningFormat().stated("a dog") == "Answer: a dog"


@pytest.mark.parametrize("name", ["step_pattern", "answer_pattern"])
def test_what_is_no_regular_expression_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"ReasoningFormat\.{name} is '\('"):
        ReasoningFormat(**{name: "("})


@pytest.mark.parametrize("pattern", ["Answer: .*", "(Final )?answer: (.*)"])
def test_an_answer_pattern_needs_exactly_one_group(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"ReasoningFormat\.answer_pattern.*group"):
        ReasoningFormat(answer_pattern=pattern)


def test_what_is_taught_must_be_what_is_read() -> None:
    with pytest.raises(ValueError, match=r"answer_template is 'Answer: '; it must have \{answer\}"):
        ReasoningFormat(answer_template="Answer: ")
    with pytest.raises(ValueError, match="makes '=> 7', .* finds 'nothing'; make them fit"):
        ReasoningFormat(answer_template="=> {answer}").stated("7")
    with pytest.raises(ValueError, match="finds '7 cm'; make them fit"):
        ReasoningFormat(answer_template="Answer: {answer} cm").stated("7")
