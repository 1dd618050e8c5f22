from __future__ import annotations

from fractions import Fraction

import pytest

from lit_mstar.equality.units import Unit, parse_unit, singular

METRE = (("m", 1),)


@pytest.mark.parametrize(
    ("text", "dimension", "factor"),
    [
        ("m", METRE, 1),
        ("meters", METRE, 1),
        ("cm", METRE, Fraction(1, 100)),
        ("CM", METRE, Fraction(1, 100)),
        ("mm", METRE, Fraction(1, 1000)),
        ("Mm", METRE, 10**6),
        ("厘米", METRE, Fraction(1, 100)),
        ("feet", METRE, Fraction(381, 1250)),
        ("cm^2", (("m", 2),), Fraction(1, 10**4)),
        ("cm2", (("m", 2),), Fraction(1, 10**4)),
        ("cm^{2}", (("m", 2),), Fraction(1, 10**4)),
        ("square centimeters", (("m", 2),), Fraction(1, 10**4)),
        ("sq. cm", (("m", 2),), Fraction(1, 10**4)),
        ("meters cubed", (("m", 3),), 1),
        ("L", (("m", 3),), Fraction(1, 1000)),
        ("km/h", (("m", 1), ("s", -1)), Fraction(5, 18)),
        ("kph", (("m", 1), ("s", -1)), Fraction(5, 18)),
        ("kilometers per hour", (("m", 1), ("s", -1)), Fraction(5, 18)),
        ("m s^{-2}", (("m", 1), ("s", -2)), 1),
        ("m/s^2", (("m", 1), ("s", -2)), 1),
        ("N", (("g", 1), ("m", 1), ("s", -2)), 1000),
        ("kWh", (("g", 1), ("m", 2), ("s", -2)), 36 * 10**8),
        ("°C", (("celsius", 1),), 1),
        ("degrees Celsius", (("celsius", 1),), 1),
        ("degrees", (("°", 1),), 1),
        ("per cent", (("%", 1),), 1),
        ("dollars", (("dollar", 1),), 1),
        ("cents", (("dollar", 1),), Fraction(1, 100)),
    ],
)
def test_known_units(text: str, dimension: object, factor: Fraction | int) -> None:
    assert parse_unit(text) == Unit(dimension, Fraction(factor))


@pytest.mark.parametrize(
    ("text", "noun"), [("apples", "apple"), ("red apples", "apple"), ("boxes of cake", "box"), ("cherries", "cherry")]
)
def test_nouns(text: str, noun: str) -> None:
    assert parse_unit(text) == Unit(((noun, 1),), noun=True)


@pytest.mark.parametrize(
    "text", ["or more", "more", "and 5", "dozen", "squared", "max", "x", "hundred", "of 5", "one two three four", ""]
)
def test_what_is_no_unit(text: str) -> None:
    assert parse_unit(text) is None


@pytest.mark.parametrize(("text", "known"), [("x", False), ("A", False), ("apples", False), ("cm", True), ("m2", True)])
def test_right_behind_a_number_nothing_is_counted(text: str, known: bool) -> None:
    assert (parse_unit(text, attached=True) is not None) is known


@pytest.mark.parametrize(
    ("word", "one"), [("apples", "apple"), ("cities", "city"), ("boxes", "box"), ("glass", "glass"), ("gas", "gas")]
)
def test_singular(word: str, one: str) -> None:
    assert singular(word) == one
