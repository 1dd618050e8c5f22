"""Cells as data sets have them: images in four shapes, options in five, answers in four."""

from __future__ import annotations

import base64
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.data.sources import cells
from support.helpers import png

PNG = png()
BASE64 = base64.b64encode(PNG).decode()


@pytest.mark.parametrize("empty", [None, math.nan, "", "  ", "nan", "NaN"])
def test_what_is_empty(empty: Any):
    assert cells.missing(empty)
    assert cells.image(empty) is None
    assert cells.options(empty) == []
    assert cells.answer(empty, "given", []) is None


@pytest.mark.parametrize("full", [0, 0.0, "0", "none", "N/A", False])
def test_what_is_not_empty(full: Any):
    assert not cells.missing(full)


@pytest.mark.parametrize(
    ("cell", "image"),
    [
        (PNG, PNG),
        (bytearray(PNG), PNG),
        (BASE64, PNG),
        (BASE64[:20] + "\n" + BASE64[20:], PNG),
        (f"data:image/png;base64,{BASE64}", PNG),
        ({"bytes": PNG, "path": "a.png"}, PNG),
        ({"bytes": None, "path": "a.png"}, "a.png"),
        ({"path": "a.png"}, "a.png"),
        ({"bytes": BASE64, "path": None}, PNG),
        ("images/" + "long" * 30 + ".png", "images/" + "long" * 30 + ".png"),
        ("iVBORw0KGgo.png", "iVBORw0KGgo.png"),
    ],
)
def test_an_image_in_whatever_shape(cell: Any, image: Any):
    assert cells.image(cell) == image
    assert cells.images(cell) == [image]
    assert cells.images([cell, None, cell]) == [image, image]


@pytest.mark.parametrize(
    ("cell", "wrong"),
    [
        ("https://example.org/a.png", "is on the net; fetch it first"),
        (5, "an image is int; it must be a path"),
        ("data:image/png;base64,####", "broken base64"),
        (BASE64[:-3] + "#", "broken base64"),
    ],
)
def test_what_is_no_image(cell: Any, wrong: str):
    with pytest.raises(ValueError, match=wrong):
        cells.image(cell)


def test_a_list_of_paths_may_be_a_text():
    assert cells.images("['a.png', 'b.png']") == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "cell",
    [
        ["red", "blue"],
        ("red", "blue"),
        ["red", "blue", None, math.nan],
        {"A": "red", "B": "blue"},
        {"B": "blue", "A": "red"},
        '["red", "blue"]',
        "['red', 'blue']",
        '{"A": "red", "B": "blue"}',
    ],
)
def test_options_in_whatever_shape(cell: Any):
    assert cells.options(cell) == ["red", "blue"]


@pytest.mark.parametrize(
    ("cell", "wrong"),
    [
        (["red", None, "blue"], "option B is empty and option C is not"),
        ("red or blue", "is no list"),
        (7, "must be a list"),
        ("__import__('os').getcwd()", "is no list"),
    ],
)
def test_what_are_no_options(cell: Any, wrong: str):
    with pytest.raises(ValueError, match=wrong):
        cells.options(cell)


@pytest.mark.parametrize(
    ("cell", "kind", "answer"),
    [
        ("B", "given", "B"),
        (3.5, "given", 3.5),
        (Decimal("0.10"), "given", "0.10"),
        (["3", "three"], "given", ["3", "three"]),
        ("['3', 'three']", "given", ["3", "three"]),
        ("[1, 2]", "given", "[1, 2]"),  # an interval, or a list: that is the grader's to tell
        ("1", "index", "B"),
        (0, "index", "A"),
        (2.0, "index", "C"),
        ("2.0", "index", "C"),
        ("(b)", "option", "(b)"),
    ],
)
def test_an_answer_in_whatever_shape(cell: Any, kind: str, answer: Any):
    assert cells.answer(cell, kind, ["x", "y", "z"]) == answer


@pytest.mark.parametrize("index", ["3", -1, "A", "1.5", "9999999999999"])
def test_an_index_outside_the_options_is_an_error(index: Any):
    with pytest.raises(ValueError, match="is the index of no option; there are 3"):
        cells.answer(index, "index", ["x", "y", "z"])


@given(st.lists(st.text(min_size=1).filter(lambda text: not cells.missing(text)), min_size=1, max_size=8))
def test_lists_come_back_from_either_spelling(options: list[str]):
    assert cells.options(json.dumps(options)) == options
    assert cells.options(repr(options)) == options


@given(st.lists(st.sampled_from([None, "x", "y"]), max_size=8))
def test_gaps_are_errors_and_ends_are_not(values: list[str | None]):
    full = [i for i, value in enumerate(values) if value]
    if full == [*range(len(full))]:
        assert cells.without_gaps(values) == values[: len(full)]
    else:
        with pytest.raises(ValueError, match="is empty and option"):
            cells.without_gaps(values)
