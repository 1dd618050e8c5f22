from __future__ import annotations

import pytest

from lit_mstar.equality.expressions import is_expression, without_unit
from lit_mstar.equality.plain import plain
from lit_mstar.equality.units import parse_unit


@pytest.mark.parametrize(
    "text",
    [
        *("5", "2x", "x + 1", "(x+1)^2", r"\frac{1}{2}", r"\sqrt{12}", "√16", "2√3", "5π", r"\sin 30^\circ", "ln 2"),
        *("x = 5", "2^10", "5!", "|-3|", "x ≤ 5", "a_n = 2n", "xy + z", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "50%"),
    ],
)
def test_mathematics(text: str) -> None:
    assert is_expression(plain(text))


@pytest.mark.parametrize(
    "text",
    [
        *("a dog", "red-blue", "C2H4", "H2O", "A1B2", "AB", "Alice + Bob", "10-20", "3×4", "6/10/2021", "2021-05-03"),
        *("x < 3 or x > 5", "dog", "x", "T-shirt", "1:2", "12:30", "+" * 301, "", "you & me", "\x00", "COVID-19"),
    ],
)
def test_what_is_none(text: str) -> None:
    assert not is_expression(plain(text))


@pytest.mark.parametrize(
    ("text", "head", "unit"),
    [
        ("5√2 cm", "5√2", "cm"),
        ("5 m", "5", "m"),
        ("30°", "30", "°"),
        ("x + 1", "x + 1", None),
        ("x + m", "x + m", None),
        (r"\sin 30°", r"\sin 30°", None),
        ("5√2 apples", "5√2 apples", None),
    ],
)
def test_without_unit(text: str, head: str, unit: str | None) -> None:
    assert without_unit(text) == (head, parse_unit(unit) if unit else None)
