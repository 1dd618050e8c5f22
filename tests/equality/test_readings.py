from __future__ import annotations

import pytest

from lit_mstar.equality.readings import readings, same_text


@pytest.mark.parametrize(
    ("text", "core"),
    [
        ("It is 12", "12"),
        ("So the total area is 24 cm^2", "24 cm^2"),
        ("12, which is the sum of both bars", "12"),
        ("12. This follows from the chart", "12"),
        ("12 because 3*4=12", "12"),
        ("12 (see the second bar)", "12"),
        ("Yes, it is", "Yes"),
        ("no it isn't", "no"),
        ("Total: 24", "24"),
        ("24 です", "24"),
        ("there are 24 apples in total", "24 apples"),
    ],
)
def test_what_is_meant_is_among_the_readings(text: str, core: str) -> None:
    assert readings(text)[0] == text
    assert core in readings(text)


@pytest.mark.parametrize(
    ("text", "core"),
    [
        ("It is not 12", "12"),
        ("12 or 13", "12"),
        ("12 (or 13)", "12"),
        ("12 (maybe 13)", "12"),
        ("12. Wait, 13", "12"),
        ("12. Or 13", "12"),
        ("12, which gives 13", "12"),
        ("12, so the total is 13", "12"),
        ("Yes or no", "Yes"),
        ("No solution", "No"),
        ("more than 12", "12"),
    ],
)
def test_what_takes_an_answer_back_is_never_cut_off(text: str, core: str) -> None:
    assert core not in readings(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("The blue truck", "blue truck", True),
        ("St. Louis", "st louis", True),
        ("NaCl", "nacl", True),
        ("CO2", "co2", True),
        ("CO2", "Co2", False),
        ("C2H4", "C4H2", False),
        ("Mg", "mg", False),
        ("Mm", "mm", False),
        ("New York", "York", False),
        ("7 8", "78", False),
        ("yes", "no", False),
        ("", "", True),
    ],
)
def test_texts(one: str, other: str, same: bool) -> None:
    assert same_text(one, other) is same
    assert same_text(other, one) is same
