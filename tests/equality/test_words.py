from __future__ import annotations

from fractions import Fraction

import pytest

from lit_mstar.equality.words import number_in_words

ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
ONES = [*ONES.split(), "eighteen", "nineteen"]
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def in_words(n: int) -> str:
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")
    scale, name = next(pair for pair in ((10**6, "million"), (1000, "thousand"), (100, "hundred")) if n >= pair[0])
    rest = f" {'and ' if scale == 100 else ''}{in_words(n % scale)}" if n % scale else ""
    return f"{in_words(n // scale)} {name}{rest}"


def test_all_numbers() -> None:
    for n in [*range(1200), 12_345, 100_000, 999_999, 1_000_001, 987_654_321]:
        assert number_in_words(in_words(n)) == (n, ""), in_words(n)
        assert number_in_words(in_words(n).upper().replace("-", " ") + " apples") == (n, " apples")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("half", Fraction(1, 2)),
        ("a half", Fraction(1, 2)),
        ("two thirds", Fraction(2, 3)),
        ("three-quarters", Fraction(3, 4)),
        ("two and a half", Fraction(5, 2)),
        ("a dozen", 12),
        ("two dozen", 24),
        ("a hundred", 100),
    ],
)
def test_parts_and_dozens(text: str, value: Fraction | int) -> None:
    assert number_in_words(text) == (value, "")


@pytest.mark.parametrize(
    "text", ["a cat", "a", "two three", "twenty twelve", "third", "hundred", "one and", "zero five", "tent", "5", ""]
)
def test_what_is_no_number(text: str) -> None:
    assert number_in_words(text) is None
