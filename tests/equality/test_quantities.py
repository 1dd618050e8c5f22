from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.equality.plain import plain
from lit_mstar.equality.quantities import quantities


def value(text: str) -> Fraction | None:
    found = quantities(plain(text))
    return found[0].value if found else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234,567", 1234567),
        ("1 234 567", 1234567),
        ("1'234'567", 1234567),
        ("1.234.567", 1234567),
        ("12,34,567", 1234567),
        ("1.234,5", "1234.5"),
        ("3,14", "3.14"),
        ("007", 7),
        ("+7", 7),
        ("minus 7", -7),
        (".5", "0.5"),
        ("1.2e3", 1200),
        ("3×10⁸", 3 * 10**8),
        ("3 x 10^8", 3 * 10**8),
        (r"1.6\times10^{-19}", "1.6e-19"),
        ("10^-9", "1e-9"),
        ("1 1/2", "3/2"),
        ("11/2", "11/2"),
        ("2½", "5/2"),
        (r"-\frac{3}{4}", "-3/4"),
        (r"1\frac12", "3/2"),
        ("5 million", 5_000_000),
        ("twelve", 12),
        ("Seven apples", 7),
        ("$1,250", 1250),
        ("-$5", -5),
        ("5 €", 5),
        ("about 12 km", 12),
        ("≈ 3.14", "3.14"),
        ("60°", 60),
        ("50%", 50),
        ("4cm", 4),
    ],
)
def test_numbers_as_people_write_them(text: str, expected: int | str) -> None:
    assert value(text) == Fraction(expected)


@pytest.mark.parametrize(
    "text",
    [
        "10-20",
        "3A2",
        "C2H4",
        "12 or 13",
        "12:30",
        "5/3/2021",
        "3x",
        "x3",
        "1990s",
        "1/0",
        "--5",
        "5!",
        "12 13",
        "1,23,4",
        "",
    ],
)
def test_what_is_no_number(text: str) -> None:
    assert quantities(plain(text)) == ()


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_every_notation_of_a_decimal_has_its_value(whole: int, places: int) -> None:
    exact = Fraction(whole, 10**places)
    text = f"{whole / 10**places:.{places}f}" if abs(whole) < 10**9 else str(whole)
    exact = exact if abs(whole) < 10**9 else Fraction(whole)
    for written in (text, f"${text}$", f"**{text}**", f"{text}.", rf"\boxed{{{text}}}", f"about {text}", f"{text} km"):
        assert value(written) == exact


def test_decimals_are_counted_where_they_are_written() -> None:
    found = {text: quantities(text)[0].decimals for text in ("2", "2.50", "1/2", "1e3", "5 million")}
    assert found == {"2": 0, "2.50": 2, "1/2": None, "1e3": None, "5 million": None}
