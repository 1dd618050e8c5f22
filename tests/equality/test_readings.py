from __future__ import annotations

import pytest

from lit_mstar.equality.readings import readings, same_text


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("It is 24", "24"),
        ("The area of the triangle is 24", "24"),
        ("There are 24 apples", "24 apples"),
        ("There are a total of 24 apples", "24 apples"),
        ("So the answer is 24", "24"),
        ("x is 24", "24"),
        ("Result: 24", "24"),
        ("in 2010", "2010"),
        ("the year 2010", "2010"),
        ("24, which is the sum", "24"),
        ("24. This follows", "24"),
        ("24 because 20 + 4", "24"),
        ("24 (the sum)", "24"),
        ("24 as shown in the chart", "24"),
        ("Yes, it is", "Yes"),
        ("No. The bar is shorter", "No"),
        ("24です", "24"),
    ],
)
def test_a_reading(text: str, reading: str) -> None:
    found = readings(text)
    assert found[0] == text
    assert reading in found


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("It is not 24", "24"),
        ("The answer is not 24", "24"),
        ("24 or 25", "24"),
        ("24, 25", "24"),
        ("24. But 25", "24"),
        ("before 2010", "2010"),
        ("No. 5", "No"),
        ("not: 5", "5"),
        ("Incorrect: 5", "5"),
        ("B. C", "B"),
        ("more than 24", "24"),
    ],
)
def test_no_reading(text: str, never: str) -> None:
    assert never not in readings(text)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("The Dog.", "dog", True),
        ("PARIS", "Paris", True),
        ("U.S.", "US", True),
        ("x > 5", "x>5", True),
        ("H_2O", "H2O", True),
        ("C_{12}", "C12", True),
        ("co2", "CO2", True),
        ("Co2", "CO2", False),
        ("Mm", "mm", False),
        ("5 Mm", "5 mm", False),
        ("2 M", "2 m", False),
        ("Tt", "tt", False),
        ("AaBb", "aabb", False),
        ("dog", "cat", False),
        ("", "", True),
        (".", "the", False),
    ],
)
def test_same_text(first: str, second: str, expected: bool) -> None:
    assert same_text(first, second) is expected
    assert same_text(second, first) is expected
