from __future__ import annotations

import pytest

from lit_mstar.equality.expressions import is_expression, without_unit
from lit_mstar.equality.plain import plain


@pytest.mark.parametrize(
    "text",
    [
        r"\frac{1}{x}",
        "√16",
        "5√2",
        "25π",
        "x^2 + 1",
        "2x + 1",
        "2x",
        "a + b",
        "sqrt(16)",
        "2+2",
        "5!",
        "-x/2",
        "24",
        "2^10",
    ],
)
def test_mathematics(text: str) -> None:
    assert is_expression(plain(text))


@pytest.mark.parametrize(
    "text",
    [
        "C2H4",
        "Fe2O3",
        "A1B2",
        "BA-DC",
        "3×4",
        "10-20",
        "2021-05-03",
        "6/10/2021",
        "a dog",
        "A",
        "12:30",
        "555-1234",
        "T-shirt",
    ],
)
def test_what_is_none(text: str) -> None:
    assert not is_expression(plain(text))


def test_a_unit_behind_an_expression_is_told_apart() -> None:
    assert without_unit("5√2 cm")[0] == "5√2"
    assert without_unit("5√2 cm")[1] != without_unit("5√2 cm^2")[1]
    assert without_unit("5√2")[1] is None
