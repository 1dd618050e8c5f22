"""Where texts state their answers."""

from __future__ import annotations

import pytest

from lit_mstar.reasoning.answers import extract_answer
from lit_mstar.reasoning.extraction import Box, Closing, Label, Sentence, Tag, find_answer
from lit_mstar.reasoning.steps import ANSWER_PATTERN


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"First \boxed{3}, then \boxed{12}.", "12"),
        (r"So \boxed{\frac{3}{4}}.", r"\frac{3}{4}"),
        (r"\boxed{24 \text{ cm}^2", r"24 \text{ cm}^2"),
        ("<|begin_of_box|>12<|end_of_box|>", "12"),
        ("<think>…</think>\n<answer>\n\\boxed{12}\n</answer>", "12"),
        ("<answer>B", "B"),
        ("Work.\n[Answer] B", "B"),
        ("Work.\n#### 1,024", "1,024"),
        ("Answer: 24", "24"),
        ("* **Answer**: 24", "24"),
        ("- **Answer:** 24", "24"),
        ("> Answer: 24", "24"),
        ("1. Answer: 24", "24"),
        ("✅ Final Answer: **73**", "73"),
        ("## Answer\n\n24", "24"),
        ("**Answer:**\n\n- 24", "24"),
        ("Answer\n24", "24"),
        ("**Final Answer:**\n$$\\boxed{24}$$", "24"),
        ("Answer:\n$$\nx = 24\n$$\nDone.", "x = 24"),
        ("Answer: 12\n\nFinal Answer: 13", "13"),
        ("Answer: 12\n\nLet me know if you need more help!", "12"),
        (r"Answer: 12, \boxed{13}", r"12, \boxed{13}"),
        ("Answer: 5. The answer is not 6.", "5. The answer is not 6"),
        ("最终答案：24", "24"),
        ("Réponse : 24", "24"),
        ("答えは 24 です。", "24 です"),
        ("الإجابة: ٢٤", "٢٤"),
        ("Ответ: 24", "24"),
        ("Câu trả lời: 24", "24"),
        ('{"answer": "24"}', '"24"}'),
        ("Work. So the answer is 24.", "24"),
        ("Work. The correct option is (C). It fits.", "(C)"),
        ("We add.\nTherefore, there are 24 apples.", "there are 24 apples"),
        ("Work.\n**24**", "24"),
        ("<think>Answer: 5</think>\n6", "6"),
        ("B", "B"),
        ("Step 1: I do not know.", None),
        ("I cannot see it and would have to guess wildly here.", None),
        ("Answer:", None),
        ("Answer: $.$", None),
        (r"\boxed{}", None),
        ("", None),
    ],
)
def test_statements(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


def test_each_way_can_be_left_out() -> None:
    text = "So the answer is 1.\n## Answer\n2\n\\boxed{3}\n<answer>4</answer>\nHence, 5"
    ways = {Sentence(): "1.", Label(): "2", Box(): "3", Tag(): "4", Closing(): "5"}
    for way, answer in ways.items():
        found = find_answer(text, ANSWER_PATTERN, [way])
        assert found is not None
        assert found.answer.rstrip(".") == answer.rstrip(".")
        assert text[found.start : found.end].find(answer.rstrip(".")) >= 0
    assert find_answer(text, ANSWER_PATTERN, [Label(), Box()]).answer == "3"  # type: ignore[union-attr]
    assert find_answer(text, ANSWER_PATTERN, []) is None


def test_a_whole_solution_behind_a_label_gives_way_to_its_end() -> None:
    text = f"Answer: {'we look at every bar and add them up, ' * 4}\nso the answer is 24."
    assert extract_answer(text) == "24"


@pytest.mark.parametrize(
    "part", [r"\boxed{", "<answer>", "answer is ", "#### ", "the answer is ", "**", "Answer:\n", "{", "Hence, "]
)
def test_long_hostile_text_takes_linear_time(part: str) -> None:
    assert extract_answer(f"{part * 20_000}\nAnswer: 4") == "4"
