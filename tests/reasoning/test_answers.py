from __future__ import annotations

import string
import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lit_mstar.equality import comparison
from lit_mstar.equality.plain import plain
from lit_mstar.reasoning.answers import answers_match, extract_answer

WRAPPERS = ["${}$", "$${}$$", "**{}**", "{}.", r"\boxed{{{}}}", r"\({}\)", " {} "]
LETTERED = ["{}", "({})", "{}.", "{})", "{}: {text}", "({}) {text}", "{}. {text}", r"\text{{{}}}"]
DOGS = ("a cat", "a dog", "3", r"\frac{1}{2}")
words = st.text(string.ascii_letters, min_size=5, max_size=9)  # shorter ones may be units, whose case counts
phrases = st.lists(words, min_size=1, max_size=3).map(" ".join)
numbers = st.integers(-(10**12), 10**12)


@pytest.fixture
def no_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a comparison reaches the child process."""

    def refuse(predicted: str, reference: str, timeout: float) -> bool:
        raise AssertionError(f"{predicted!r} and {reference!r} were compared symbolically")

    monkeypatch.setattr(comparison, "symbolically_equal", refuse)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Step 1: 2 + 2.\nAnswer: 4", "4"),
        ("Answer: 3\nNo, wait.\nAnswer: 4\n", "4"),
        ("  answer :  4.  ", "4"),
        ("**Answer:** 4", "4"),
        ("**Answer: 4**", "4"),
        ("## Final answer: **4.**", "4"),
        ("Answer: $\\boxed{4}$.", "4"),
        ("Answer: $$4$$\r\nThanks!", "4"),
        (r"Answer: \boxed{\text{a dog}}", "a dog"),
        (r"Answer: \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"Answer: \(x + 1\)", "x + 1"),
        (r"Answer: $a$ and $b$", "$a$ and $b$"),
        (r"Answer: \text{a} + \text{b}", r"\text{a} + \text{b}"),
        ("Answer: 0.5", "0.5"),
        ("Answer: (B) a dog", "(B) a dog"),
        ("Answer:\n4", "4"),
        ("Answer: $.$", None),
        ("The answer: 4", "4"),
        ("My answers: 4", "4"),
        ("4", "4"),
        ("That is all that I can say about it.", None),
        ("", None),
    ],
)
def test_extract_answer(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


def test_extract_answer_with_a_pattern_of_ones_own() -> None:
    text = r"so \boxed{3}, no, \boxed{4}"
    assert extract_answer(text, r"\\boxed\{(\d+)\}") == "4"
    with pytest.raises(ValueError, match="2 groups; it needs one"):
        extract_answer(text, "(a)(b)")


@given(
    st.text(),
    phrases | numbers.map(str),
    st.lists(st.sampled_from(WRAPPERS), max_size=4, unique_by=lambda wrapper: wrapper.replace("$$", "$")),
)
def test_wrappers_around_the_last_answer_come_off(before: str, answer: str, wrappers: list[str]) -> None:
    wrapped = answer
    for wrapper in wrappers:
        wrapped = wrapper.format(wrapped)
    assert extract_answer(f"{before}\nAnswer: 17\nAnswer: {wrapped}") == answer


@pytest.mark.parametrize("part", ["$", "**", "* ", " ", "\n", r"\boxed{", "answer", "final\t", "1,111", "{"])
def test_long_hostile_text_takes_linear_time(part: str) -> None:
    text = part * 200_000  # minutes, were the time quadratic
    assert extract_answer(f"{text}\nAnswer: 4") == "4"
    assert not answers_match(extract_answer(f"Answer: {text}"), "4")


@pytest.mark.parametrize(
    ("predicted", "reference", "expected"),
    [
        (None, "4", False),
        (" ", " ", False),
        ("", "", False),
        ("A  Dog.", "a dog", True),
        ("a dog", "a cat", False),
        ("4", "4.0", True),
        ("+4", "4", True),
        ("−4", "-4", True),
        ("-4", "4", False),
        (".5", "0.50", True),
        ("$5", "5", True),
        (r"\$1,200.50", "1200.5", True),
        ("1{,}200", "1200", True),
        ("1.2e3", "1200", True),
        ("1e999", "1e998", False),
        ("1/2", "0.5", True),
        ("1/3", "0.3333333", True),
        ("1/3", "0.333", False),
        ("50%", "0.5", True),
        (r"50\%", "50 %", True),
        ("50%", "50", True),
        ("50%", "5", False),
        ("1000000.1", "1000000", True),
        ("10000001", "10000002", False),
        ("5 cm", "5", True),
        ("5 cm", "50", False),
        ("5 cm", "5 m", False),
        ("yes", "no", False),
        ("T-shirt", "shirt", False),
        ("red, blue", "blue, red", False),
        ("1/2", "B", False),
        ("12:30", "12", False),
        ("cat", r"\frac{1}{2}", False),
        ("7" * 400 + "+1", "x", False),
    ],
)
@pytest.mark.usefixtures("no_symbols")
def test_plain_answers(predicted: str | None, reference: str, expected: bool) -> None:
    assert answers_match(predicted, reference) is expected


@pytest.mark.parametrize(
    ("predicted", "reference", "expected"),
    [
        (r"\frac{1}{2}", "0.5", True),
        (r"\frac{50}{100}", "50%", True),
        (r"$\frac{\sqrt{4}}{4}$", r"\frac12", True),
        ("x + 1", "1+x", True),
        ("(x+1)^2", "x^2 + 2x + 1", True),
        ("(x+1)^2", "x^2 + 1", False),
        ("x = 5", "5", True),
        ("2x", "x*2", True),
        ("x - y", "y - x", False),
        ("1,20", "120", False),
        ("1/0", "1", False),
        ("√8", r"2\sqrt{2}", True),
        ("(1, 2)", "(2, 1)", False),
        (r"5 \text{ cm}", "5", True),
        ("5cm", "5", True),
        ("9^{9^{9^9}}", "1", False),
    ],
)
def test_mathematical_answers(predicted: str, reference: str, expected: bool) -> None:
    assert answers_match(predicted, reference, timeout=1.0 if "9^" in predicted else 30.0) is expected


@pytest.mark.parametrize("form", LETTERED)
@pytest.mark.parametrize("index", range(4))
@pytest.mark.usefixtures("no_symbols")
def test_a_choice_by_its_letter(form: str, index: int) -> None:
    for case in (str.upper, str.lower):
        named = form.format(case("ABCD"[index]), text=DOGS[index])
        for other, letter in enumerate("ABCD"):
            assert answers_match(named, letter, DOGS) is (other == index)
            assert answers_match(letter, named, DOGS) is (other == index)
            assert answers_match(named, DOGS[other], DOGS) is (other == index)


@pytest.mark.parametrize(
    ("predicted", "reference", "choices", "expected"),
    [
        ("A dog", "B", DOGS, True),
        ("3.0", "C", DOGS, True),
        ("0.5", "D", DOGS, True),
        ("D", "0.5", DOGS, True),
        ("0.25", "D", DOGS, False),
        ("E", "B", DOGS, False),
        ("E", "E", DOGS, True),  # not a choice; the same text
        ("B. Franklin", "C", ("x", "y", "B. Franklin"), True),
        ("B: x", "B", ("x", "y"), False),  # the letter of one option and the text of the other
        ("A", "B", ("B", "x"), False),  # a lone letter is a letter first
        ("5", "B", ("5", "5"), True),
        ("a dog", "B", (), False),
    ],
)
def test_choices(predicted: str, reference: str, choices: tuple[str, ...], expected: bool) -> None:
    assert answers_match(predicted, reference, choices, timeout=30.0) is expected


@given(phrases, phrases)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("no_symbols")
def test_phrases_match_as_text(first: str, second: str) -> None:
    if "the" not in (*first.lower().split(), *second.lower().split()):
        assert answers_match(first.lower(), second) is (first.casefold() == second.casefold())
    assert answers_match(first.lower(), first)


@given(numbers, numbers, st.integers(1, 10**6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("no_symbols")
def test_numbers_match_by_value(first: int, second: int, divisor: int) -> None:
    assert answers_match(f"{first:,}", f"{second}") is (first == second)
    assert answers_match(f"{first}/{divisor}", f"{first * 100}/{divisor}%")
    x, y = Fraction(first, divisor), Fraction(second, divisor)
    close = x == y if x.denominator == y.denominator == 1 else abs(x - y) * 10**6 <= max(abs(x), abs(y))
    assert answers_match(f"{first}/{divisor}", f"{second}/{divisor}") is close


hostile = st.text("aB5/%.,()$-: \\{}*") | st.text()


@given(hostile, hostile, st.lists(hostile, max_size=4, unique_by=lambda text: plain(text).casefold()))
def test_any_text_has_a_symmetric_answer(first: str, second: str, choices: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "symbolically_equal", lambda *_: False)
        assert answers_match(first, second, choices) is answers_match(second, first, choices)
        assert answers_match(f"x{first}", f"x{first}", choices)


def test_importing_it_is_cheap() -> None:
    code = "import sys, lit_mstar.reasoning.answers; print(*{'torch', 'sympy', 'math_verify'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "\n"
