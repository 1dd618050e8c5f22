"""Nothing that a model may write breaks a comparison, or makes something of no answer."""

from __future__ import annotations

import random

import pytest

from lit_mstar.equality import comparison
from lit_mstar.equality.plain import plain
from lit_mstar.reasoning.answers import answers_match, extract_answer

SEED = 20260725
PIECES = [
    *(
        "Answer: ",
        "Answer:",
        "答案：",
        "The answer is ",
        "#### ",
        "<answer>",
        "</answer>",
        r"\boxed{",
        "{",
        "}",
        "}}",
        "$",
    ),
    *(
        "$$",
        r"\[",
        r"\]",
        r"\(",
        "**",
        "__",
        "`",
        "\n",
        " ",
        "\x00",
        "\udc80",
        "\ud83d",
        "٤٢",
        "१२",
        "²",
        "⁻",
        "₂",
        "½",
        "√",
    ),
    *(
        "9^{9^{9^9}}",
        "7" * 50,
        "1e999",
        "1e-999",
        "10^{9999}",
        "1/0",
        "0/0",
        "/",
        "-",
        "–",
        ":",
        ",",
        ".",
        "%",
        "=",
        "±",
        "!",
    ),
    *(
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        r"\frac",
        r"\frac{1}",
        r"\sqrt",
        r"\text{",
        "\u202e",
        "\u200f",
        "\ufeff",
    ),
    *(
        "12",
        "3.5",
        "x",
        "B",
        "(B)",
        "A or B",
        "cm",
        " km/h",
        "°",
        "not ",
        "no",
        "yes, ",
        "May 5",
        "10-20",
        "3×4",
        "12:30",
    ),
    *(
        "<|begin_of_box|>",
        "<|end_of_box|>",
        "one hundred",
        "two thirds",
        "and",
        "million",
        "€",
        "$5",
        "5k",
        "∞",
        "∈",
        "😀",
    ),
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is handed to symbolic mathematics, which here finds nothing equal."""
    questions: list[tuple[str, str]] = []
    monkeypatch.setattr(comparison, "symbolically_equal", lambda a, b, timeout: bool(questions.append((a, b))))
    return questions


def test_hostile_texts_have_verdicts(asked: list[tuple[str, str]]) -> None:
    random_ = random.Random(SEED)  # noqa: S311  no secret is drawn
    for _ in range(10_000):
        text = "".join(random_.choices(PIECES, k=random_.randint(0, 12)))
        answer, reference = extract_answer(text), "".join(random_.choices(PIECES, k=random_.randint(1, 3)))
        choices = random_.choice([(), ("red", "blue"), ("12", "3.5"), ("(b)", "(a)")])
        assert answers_match(answer, reference, choices) in (True, False)
        assert answers_match(None, reference, choices) is False
        assert answers_match("", reference, choices) is False
        if answer is not None:
            assert plain(answer)
            assert answers_match(answer, answer)
    assert max(len(side) for question in asked for side in question) <= 300


def test_hostile_expressions_all_get_a_reply() -> None:
    random_ = random.Random(SEED)  # noqa: S311  no secret is drawn
    maths = [
        "9^{9^{9^9}}",
        "x",
        "+",
        r"\frac{1}{0}",
        r"\sqrt{",
        "}",
        "7" * 50,
        "!",
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
    ]
    texts = ["".join(random_.choices(maths, k=random_.randint(1, 4))) for _ in range(20)]
    verdicts = [answers_match(text, "x+1", timeout=0.2) for text in texts]
    assert verdicts == [text in ("x+1",) for text in texts]
