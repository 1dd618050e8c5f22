from __future__ import annotations

from fractions import Fraction

import pytest

from lit_mstar.equality.units import parse_unit, singular


@pytest.mark.parametrize(
    ("one", "other", "factor"),
    [
        ("cm^2", "square centimeters", 1),
        ("cm2", "sq cm", 1),
        ("cm^2", "centimeters squared", 1),
        ("m", "cm", 100),
        ("m^2", "cm^2", 10_000),
        ("km/h", "kilometers per hour", 1),
        ("km/h", "m/s", Fraction(5, 18)),
        ("L", "ml", 1000),
        ("ml", "mL", 1),
        ("L", "cm^3", 1000),
        ("kN", "N", 1000),
        ("J", "N·m", 1),
        ("m/s^2", "m s^{-2}", 1),
        ("hours", "min", 60),
        ("feet", "inches", 12),
        ("dollars", "cents", 100),
        ("$", "USD", 1),
        ("Mm", "mm", 10**9),
        ("apples", "apple", 1),
        ("red apples", "apple", 1),
        ("years", "years old", 1),
        ("%", "percent", 1),
    ],
)
def test_units_of_one_dimension_convert(one: str, other: str, factor: int | Fraction) -> None:
    first, second = parse_unit(one), parse_unit(other)
    assert None not in (first, second)
    assert first.dimension == second.dimension  # type: ignore[union-attr]
    assert first.factor / second.factor == factor  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("one", "other"),
    [("cm", "cm^2"), ("km", "km/h"), ("g", "m"), ("°C", "°F"), ("$", "€"), ("apples", "oranges"), ("m", "apples")],
)
def test_units_of_other_dimensions_do_not(one: str, other: str) -> None:
    first, second = parse_unit(one), parse_unit(other)
    assert None not in (first, second)
    assert first.dimension != second.dimension  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text", ["", "or 13", "and pears", "x", "A2", "more", "to 20", "of 20", "=5", "not", "remainder"]
)
def test_what_is_no_unit(text: str) -> None:
    assert parse_unit(text) is None


@pytest.mark.parametrize("text", ["x", "A", "B", "apples", "n", "A2", "C"])
def test_behind_a_number_without_a_space_only_known_units_stand(text: str) -> None:
    assert parse_unit(text, attached=True) is None


def test_plurals() -> None:
    words = {"apples": "apple", "boxes": "box", "berries": "berry", "glass": "glass", "bus": "bus", "inches": "inch"}
    assert {word: singular(word) for word in words} == words
