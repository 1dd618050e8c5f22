from __future__ import annotations

import pytest

from lit_mstar.equality.parts import Items, equal_items, items, sides, variable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1, 2", Items("", "", ("1", "2"))),
        ("1, 2 and 3", Items("", "", ("1", "2", "3"))),
        ("a; b", Items("", "", ("a", "b"))),
        ("x = 1 or x = 2", Items("", "", ("1", "2"))),
        ("±2", Items("", "", ("2", "-2"))),
        ("x = ±2", Items("", "", ("2", "-2"))),
        ("(1, 2)", Items("(", ")", ("1", "2"))),
        ("A(1, 2)", Items("(", ")", ("1", "2"))),
        ("x ∈ [0, 5)", Items("[", ")", ("0", "5"))),
        ("{1, 2}", Items("{", "}", ("1", "2"))),
        ("['a', \"b\"]", Items("[", "]", ("a", "b"))),
        ("(1, 2), (3, 4)", Items("", "", ("(1, 2)", "(3, 4)"))),
        ("1,234", None),
        ("1,234, 5", Items("", "", ("1,234", "5"))),
        ("x = 3,75", None),
        ("(5)", None),
        ("a dog", None),
        ("x < 3 or x > 5", None),
        (r"\begin{pmatrix} 1 & 2 \end{pmatrix}", None),
        ("", None),
        (", ,", None),
    ],
)
def test_items(text: str, expected: Items | None) -> None:
    assert items(text) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("1, 2", "2, 1", True),
        ("{1, 2}", "{2, 1}", True),
        ("(1, 2)", "(2, 1)", False),
        ("[1, 2]", "1, 2", True),
        ("[1, 2]", "2, 1", False),
        ("(1, 2)", "[1, 2]", False),
        ("(1, 2]", "(1, 2)", False),
        ("1, 1, 2", "1, 2, 2", False),
        ("1, 2", "1, 2, 3", False),
        ("red, blue", "blue, red", False),
        ("red, blue", "red, blue", True),
    ],
)
def test_equal_items(first: str, second: str, expected: bool) -> None:
    assert equal_items(items(first), items(second), lambda a, b: a == b) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 5", ["5"]),
        ("5 = x", ["5"]),
        ("the area = 5", ["5"]),
        ("∠A = 5", ["5"]),
        ("f(2) = 5", ["5"]),
        ("x = y = 5", ["5"]),
        ("x = 2 + 3 = 5", ["2 + 3", "5"]),
        ("3 = 7", ["3", "7"]),
        ("x = 5 = 7", ["5", "7"]),
        ("x^2 + y^2 = 25", ["x^2 + y^2", "25"]),
        *((text, None) for text in ("5", "x < 5", "x == 5", "x != 5", "= 5", "x =", "x ≤ 5 = y")),
    ],
)
def test_sides(text: str, expected: list[str] | None) -> None:
    assert sides(text) == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [("x = 5", "x"), ("5 = x", "x"), ("Y=2", "y"), ("f(x) = 2x", "y"), ("f(2) = 5", "f(2)"), ("AB = 5", "")]
    + [("5", ""), ("x = y", ""), ("a = 2 = 3", "")],
)
def test_variable(text: str, name: str) -> None:
    assert variable(text) == name
