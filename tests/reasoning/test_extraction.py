"""Where an answer stands, in what models write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.reasoning.answers import extract_answer
from lit_mstar.reasoning.extraction import (
    EXTRACTORS,
    Box,
    Closing,
    Extractor,
    Label,
    Sentence,
    Statement,
    Tag,
    find_answer,
)
from lit_mstar.reasoning.steps import ANSWER_PATTERN


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"Answer: 12, \boxed{13}", r"12, \boxed{13}"),
        ("The answer is B", "B"),
        ("The answer is B.", "B"),
        ("So the answer is (B).", "(B)"),
        ("#### 42", "42"),
        ("x\n#### 42\n", "42"),
        ("<answer>42</answer>", "42"),
        ("<answer> B </answer>", "B"),
        ("<think>Answer: 3</think><answer>4</answer>", "4"),
        ("<|begin_of_box|>42<|end_of_box|>", "42"),
        ("答案：42", "42"),
        ("答案是 B", "B"),
        ("答案: B", "B"),
        ("答えは 24 です", "24 です"),
        ("正解は B です。", "B です"),
        (r"So \boxed{3}. No: \boxed{4}.", "4"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{a{b}c}", "a{b}c"),
        (r"\boxed{4", "4"),
        (r"\boxed{", None),
        (r"\boxed{}", None),
        (r"text \boxed{4} more text", "4"),
        ("**Final Answer:** 4", "4"),
        ("**Final Answer**\n4", "4"),
        ("**Final Answer**\n\n\\boxed{4}", "4"),
        ("### Answer\n4", "4"),
        ("### Final Answer\n**4**", "4"),
        ("Final answer: 4", "4"),
        ("Answer:\n4", "4"),
        ("Answer:\n\n4", "4"),
        ("Answer:\n$$\n4\n$$", "4"),
        ("Answer: $$\n4\n$$", "4"),
        ("Answer:\n\\[\n4\n\\]", "4"),
        ("Answer:\n- 4", "4"),
        ("The answer: 4", "4"),
        ("4", "4"),
        ("B", "B"),
        ("", None),
        ("   ", None),
        ("Step 1: I do not know.", None),
        ("Therefore, the area is 24.", "the area is 24"),
        ("Thus x = 5.", "x = 5"),
        ("So, the value is **5**.", "the value is **5**"),
        ("Réponse : 42", "42"),
        ("Respuesta: 42", "42"),
        ("Antwort: 42", "42"),
        ("Ответ: 42", "42"),
        ("답: 42", "42"),
        ("정답: B", "B"),
        ("الإجابة: 42", "42"),
        ("उत्तर: 42", "42"),
        ("Đáp án: 42", "42"),
        ("Answer: 4\nAnswer: 5", "5"),
        ("Answer: 4\n\nNote that 5 is wrong.", "4"),
        ("Answer: 4.5", "4.5"),
        ("Answer: 4.", "4"),
        ("The correct option is B.", "B"),
        ("The correct answer is option B.", "option B"),
        (r"The final answer is $\boxed{4}$.", "4"),
        (r"The final answer is: $\boxed{4}$", "4"),
        ("The answer is not B. The answer is C.", "C"),
        ("Is the answer 4? No.", None),
        ("ANSWER: B", "B"),
        ("Answer = B", "B"),
        ("> Answer: B", "B"),
        ("* **Answer**: B", "B"),
        ("- Answer: B", "B"),
        ("1. Answer: B", "B"),
        ("**Answer:** **B**", "B"),
        ("__Answer:__ B", "B"),
        ("Answer: `B`", "B"),
        ("Answer：B", "B"),
        ("Answer: B. blue", "B. blue"),
        ("The answer is 3.14", "3.14"),
        ("The answer is 3. Good.", "3"),
        ("the answer is $3.5$ m. Done", "$3.5$ m"),
        ("My final answer is B", "B"),
        ("Hence, the correct answer is: B", "B"),
        (r"Hence the answer is $\frac{1}{2}$", r"\frac{1}{2}"),
        (r"Answer: \boxed{4} cm", r"\boxed{4} cm"),
        ("Answer: \\boxed{4}\nAnswer check: 5", "4"),
        ("<answer>4", "4"),
        (r"<answer>\boxed{4}</answer>", "4"),
        ("<answer>Answer: 4</answer>", "4"),
        (r"\boxed{Answer: 4}", "4"),
        ("Answer: the answer is 4", "4"),
    ],
)
def test_extract_answer(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("extractor", "text", "answer"),
    [
        (Box(), r"so \boxed{3}, no, \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (Box(), "\\boxed{4\nand more", "4"),
        (Box(), r"\fbox{4}", "4"),
        (Box(), "<|begin_of_box|>4<|end_of_box|>", "4"),
        (Box(), "Answer: 4", None),
        (Tag(), "<answer>3</answer> <ANSWER> 4 </ANSWER>", " 4 "),
        (Tag(), "#### 4\n", "4"),
        (Tag(), "##### 4", None),
        (Tag(), "<answer></answer>", None),
        (Label(), "Answer: 3\nAnswer: 4", " 4"),
        (Label(), "Answer:\n4", "4"),
        (Label(), "my answer is long", None),
        (Sentence(), "So the answer is 4. Good", "4"),
        (Sentence(), "the answer is not 4", None),
        (Closing(), "x\nTherefore, it is 4.", "it is 4."),
        (Closing(), "x\n**4**", "**4**"),
        (Closing(), "x\n4", None),
        (Closing(), "4", "4"),
        (Closing(), "So the answer is 4", None),
    ],
)
def test_each_way(extractor: Extractor, text: str, answer: str | None) -> None:
    found = extractor.find(text, ANSWER_PATTERN)
    assert (found and found.answer) == answer
    if found:
        assert answer in text[found.start : found.end]


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        (r"Answer: \boxed{4} cm", Statement(0, 20, r" \boxed{4} cm")),
        (r"Answer: 3 \boxed{4}", Statement(0, 19, r" 3 \boxed{4}")),
        ("\\boxed{3}\nAnswer: 4", Statement(10, 19, " 4")),
        ("Answer: 3\n\\boxed{4}", Statement(10, 19, "4")),
        ("Answer: 3\nSo the answer is 4", Statement(0, 9, " 3")),  # what says so in passing comes second
    ],
)
def test_the_last_and_the_outer_one_counts(text: str, statement: Statement) -> None:
    assert find_answer(text, ANSWER_PATTERN) == statement


def test_only_named_ways_are_looked_for() -> None:
    text = "\\boxed{4}\nAnswer: 5"
    assert extract_answer(text, extractors=[Box()]) == "4"
    assert extract_answer(text, extractors=[Label()]) == "5"
    assert extract_answer(text, extractors=[Tag()]) is None


@given(st.text("{}a1$\\"))
def test_a_box_with_any_braces_has_all_that_is_in_it(inside: str) -> None:
    depth, lowest = 0, 0
    for sign in inside:
        depth += (sign == "{") - (sign == "}")
        lowest = min(lowest, depth)
    statement = Box().find(rf"so \boxed{{{inside}}} it is", ANSWER_PATTERN)
    if depth == lowest == 0:
        assert statement.answer == inside


@given(
    st.text()
    | st.lists(st.sampled_from([r"\boxed{", "}", "Answer:", "$", "\n", "<answer>", "#### ", "4"])).map("".join)
)
def test_statements_lie_in_the_text(text: str) -> None:
    for extractor in EXTRACTORS:
        if found := extractor.find(text, ANSWER_PATTERN):
            assert 0 <= found.start <= found.end <= len(text)
            assert found.answer in text[found.start : found.end]
