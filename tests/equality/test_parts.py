from __future__ import annotations

import pytest

from lit_mstar.equality.comparison import Comparison
from lit_mstar.equality.parts import items, sides
from lit_mstar.equality.plain import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3, 4", ("", "", ("3", "4"))),
        ("3 and 4", ("", "", ("3", "4"))),
        ("3, 4, and 5", ("", "", ("3", "4", "5"))),
        ("x = 3 or x = 4", ("", "", ("3", "4"))),
        ("(3, 4)", ("(", ")", ("3", "4"))),
        ("[0, 5)", ("[", ")", ("0", "5"))),
        ("A(1, 2)", ("(", ")", ("1", "2"))),
        ("x ∈ [0,5]", ("[", "]", ("0", "5"))),
        ("{1; 2}", ("{", "}", ("1", "2"))),
        ("(1, 2) and (3, 4)", ("", "", ("(1, 2)", "(3, 4)"))),
        ("1,234, 5", ("", "", ("1,234", "5"))),
    ],
)
def test_lists(text: str, expected: tuple[str, str, tuple[str, ...]]) -> None:
    found = items(text)
    assert found is not None
    assert (found.opening, found.closing, found.items) == expected


@pytest.mark.parametrize("text", ["3", "1,234", "(3)", "f(x)", "", "sandy"])
def test_what_is_no_list(text: str) -> None:
    assert items(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 5", ["5"]),
        ("AC = 5", ["5"]),
        ("m∠ABC = 60", ["60"]),
        ("The area = 24", ["24"]),
        ("5 = x", ["5"]),
        ("x = 5 = 7", ["5", "7"]),
        ("3 = 7", ["3", "7"]),
        ("2x = 4", ["2x", "4"]),
        ("f(x) = 2x", ["2x"]),
        ("x ≥ 3", None),
        ("5", None),
        ("= 5", None),
    ],
)
def test_sides(text: str, expected: list[str] | None) -> None:
    assert sides(text) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("3 and 4", "3, 4", True),
        ("4, 3", "3, 4", True),
        ("3, 3", "3, 4", False),
        ("3, 4, 5", "3, 4", False),
        ("(1, 2)", "(2, 1)", False),
        ("{1, 2}", "{2, 1}", True),
        ("(0, 5)", "[0, 5)", False),
        ("[0, 5]", "x ∈ [0,5]", True),
        ("red, blue", "blue, red", False),
        ("3", "3, 4", False),
        ("3 or 4", "3", False),
        ("0.75 or 3/4", "3/4", True),
        ("3 = 7", "7", False),
        ("x = 5 = 7", "7", False),
        ("x = 5 = 7", "5", False),
        ("7 = 3 + 4", "7", True),
        ("2+3=6", "6", False),
        ("y = 2x + 1", "y=2x+1", True),
        ("y = 2x + 1", "2x - y + 1 = 0", True),
        ("y = 2x + 1", "y = 2x - 1", False),
        ("3x+4y+14=0", "3x-y+13=0", False),
        ("n = 1, 2, 3", "n = 2, 3, 4", False),
        (r"12, \boxed{13}", "13", False),
    ],
)
def test_equality(one: str, other: str, same: bool) -> None:
    assert Comparison(timeout=30).same(plain(one), plain(other)) is same
