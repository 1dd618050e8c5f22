"""What looks like arithmetic: equal part by part, never by what an operation would give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.equality.comparison import Comparison
from lit_mstar.equality.plain import plain
from lit_mstar.equality.shapes import shape


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("10-20", "range"),
        ("10 – 20", "range"),
        ("0.6 - 0.8", "range"),
        ("10%-20%", "range"),
        ("$5-$10", "range"),
        ("10 to 20", "to"),
        ("from 10 to 20 cm", "range"),
        ("3×4", "size"),
        ("3 x 4 cm", "size"),
        ("3 by 4", "size"),
        ("3:2", "ratio"),
        ("1 : 2 : 3", "ratio"),
        ("12:30", "time"),
        ("3:45 pm", "time"),
        ("10 AM", "time"),
        ("2021-05-03", "day"),
        ("March 5, 2021", "day"),
        ("5th of March", "day"),
        ("6/10/2021", "date"),
        ("12/4/2", "date"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    found = shape(plain(text))
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize("text", ["-5", "10", "1/2", "2x + 1", "3×10^8", "a-b", "x:y", "3e-5", "", "5 km", "2^-3"])
def test_other_texts_have_none(text: str) -> None:
    assert shape(plain(text)) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("6:4", "3:2", True),
        ("2:3", "3:2", False),
        ("12:30", "6:15", False),
        ("08:30", "8:30", True),
        ("3:45 pm", "15:45", True),
        ("12:15 am", "0:15", True),
        ("March 5, 2021", "2021-03-05", True),
        ("5 March", "March 5", True),
        ("March 5", "March 5, 2021", False),
        ("03/05/2021", "3/5/2021", True),
        ("6/10/2021", "3/5/2021", False),
        ("10-20 cm", "10 cm - 20 cm", True),
        ("10-20", "20-10", False),
        ("3-2", "3:2", False),
        ("3 to 2", "3:2", True),
        ("10 to 20", "10-20", True),
        ("3×4", "4×3", False),
        ("3×4", "3 x 4", True),
        ("3×4", "12", False),
        ("10-20", "-10", False),
        ("1:2", "0.5", False),
    ],
)
def test_pairs(one: str, other: str, same: bool) -> None:
    assert Comparison().same(one, other) is same
    assert Comparison().same(other, one) is same


pairs = st.tuples(st.integers(1, 99), st.integers(1, 99))


@given(pairs, pairs, st.sampled_from(["{}-{}", "{}%-{}%", "{}×{}", "{} to {}", "0.{}-0.{}", "19{}-20{}", "({}, {})"]))
def test_pairs_are_equal_only_if_both_parts_are(one: tuple[int, int], other: tuple[int, int], form: str) -> None:
    first, second = form.format(*one), form.format(*other)
    assert Comparison().same(first, second) is ([*map(float, parts(first))] == [*map(float, parts(second))])


def parts(text: str) -> list[str]:
    return "".join(sign if sign.isdigit() or sign == "." else " " for sign in text).split()
