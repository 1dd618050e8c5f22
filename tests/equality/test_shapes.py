from __future__ import annotations

import pytest

from lit_mstar.equality.shapes import alike, shape


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(("10-20", "range"), ("10 to 20", "to"), ("10%-20%", "range"), ("2005-2015", "range"), ("3-1", "range")),
        *(("from 10 to 20", "range"), ("10-20 cm", "range"), ("$5-$10", "range"), ("9 to 5", "to")),
        *(("3×4", "size"), ("3 x 4", "size"), ("3 by 4", "size"), ("3*4*5", "size"), ("3 cm × 4 cm", "size")),
        *(("3:1", "ratio"), ("1:2:3", "ratio"), ("3.5:1", "ratio"), ("12:30", "time"), ("3 pm", "time")),
        *(("12:30 p.m", "time"), ("10:00:30", "time"), ("2021-05-03", "day"), ("May 3, 2021", "day")),
        *(("3 May 2021", "day"), ("May 2021", "day"), ("May 3rd", "day"), ("6/10/2021", "date"), ("6.10.2021", "date")),
    ],
)
def test_shapes(text: str, kind: str) -> None:
    assert shape(text).kind == kind


@pytest.mark.parametrize(
    "text", ["", "5", "-5", "x-y", "3×10^8", "a to b", "5--3", "1/2", "C2H4", "x", "10-20" * 30, "May", "99:99:99 x"]
)
def test_what_has_none(text: str) -> None:
    assert shape(text) is None


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("10-20", "10 to 20", True),
        ("10-20", "20-10", False),
        ("10-20 cm", "10 cm - 20 cm", True),
        ("3×4", "3 by 4", True),
        ("3×4", "4×3", False),
        ("3:2", "6:4", True),
        ("3:2", "2:3", False),
        ("3 to 2", "3:2", True),
        ("10-20", "1:2", False),
        ("12:30 pm", "12:30", True),
        ("12:30 am", "12:30", False),
        ("3 pm", "15:00", True),
        ("3 pm", "3 am", False),
        ("2021-05-03", "May 3, 2021", True),
        ("2021-05-03", "March 5, 2021", False),
        ("6/10/2021", "6-10-2021", True),
        ("6/10/2021", "10/6/2021", False),
        ("3-1", "3:1", False),
        ("3×4", "3-4", False),
        ("May 2021", "May 3, 2021", False),
    ],
)
def test_alike(first: str, second: str, expected: bool) -> None:
    def close(a: object, b: object) -> bool:
        return a.value == b.value

    assert alike(shape(first), shape(second), close) is expected
    assert alike(shape(second), shape(first), close) is expected
