from __future__ import annotations

from fractions import Fraction

import pytest

from lit_mstar.equality.quantities import quantities


@pytest.mark.parametrize(
    ("text", "value", "decimals"),
    [
        ("42", 42, 0),
        ("-42", -42, 0),
        ("minus 42", -42, 0),
        ("+42", 42, 0),
        ("4.20", Fraction(21, 5), 2),
        (".5", Fraction(1, 2), 1),
        ("0,5", Fraction(1, 2), 1),
        ("1,234", 1234, 0),
        ("1,234.5", Fraction(2469, 2), 1),
        ("1.234,5", Fraction(2469, 2), 1),
        ("1 234 567", 1234567, 0),
        ("12,34,567", 1234567, 0),
        ("1'234", 1234, 0),
        ("1/2", Fraction(1, 2), None),
        (r"\frac{1}{2}", Fraction(1, 2), None),
        (r"\frac{-1}{2}", Fraction(-1, 2), None),
        (r"-\frac{1}{2}", Fraction(-1, 2), None),
        (r"1\frac{1}{2}", Fraction(3, 2), None),
        ("1 1/2", Fraction(3, 2), None),
        ("1e3", 1000, None),
        ("1.6e-19", Fraction(16, 10**20), None),
        ("1.6 × 10^{-19}", Fraction(16, 10**20), None),
        ("3·10^8", 3 * 10**8, None),
        ("10^5", 10**5, None),
        ("5 million", 5 * 10**6, None),
        ("2 hundred thousand", 200_000, None),
        ("2 dozen", 24, None),
        ("5k", 5000, None),
        ("1.2M", 1_200_000, None),
        ("about 42", 42, 0),
        ("≈42", 42, 0),
        ("(42)", 42, 0),
        ("forty-two", 42, 0),
        ("two thirds", Fraction(2, 3), None),
        ("7" * 50, int("7" * 50), 0),
    ],
)
def test_numbers(text: str, value: Fraction | int, decimals: int | None) -> None:
    first = quantities(text)[0]
    assert (first.value, first.decimals, first.unit) == (value, decimals, None)


@pytest.mark.parametrize(
    ("text", "value", "dimension", "factor"),
    [
        ("5 cm", 5, "m", Fraction(1, 100)),
        ("5cm", 5, "m", Fraction(1, 100)),
        ("$5", 5, "dollar", 1),
        ("5 dollars", 5, "dollar", 1),
        ("$1.2 million", 1_200_000, "dollar", 1),
        ("US$5", 5, "dollar", 1),
        ("-$5", -5, "dollar", 1),
        ("50%", 50, "%", 1),
        ("1 hour 30 minutes", 90, "s", 60),
        ("1 h and 30 min", 90, "s", 60),
        ("3 dollars and 50 cents", 350, "dollar", Fraction(1, 100)),
        ("twelve apples", 12, "apple", 1),
        ("12 apples", 12, "apple", 1),
    ],
)
def test_numbers_with_units(text: str, value: int, dimension: str, factor: Fraction | int) -> None:
    (found,) = quantities(text)
    assert (found.value, found.unit.dimension, found.unit.factor) == (value, ((dimension, 1),), factor)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "12x", "12A", "12 or 13", "12, 13", "10-20", "3×4", "3:1", "1/0", r"\frac{1}{0}", "1990s", "3 pm"),
        *("2021-05-03", "6/10/2021", "1.2.3.4", "C2", "5 squared", "5 or more", "5 more", "€5 dollars", "5!", "√16"),
        *("12 boys and 13 girls", "two three", "three point five", "1" * 301, "5 max", "5 + 3", "2^3"),
    ],
)
def test_what_is_no_number(text: str) -> None:
    assert quantities(text) == ()
