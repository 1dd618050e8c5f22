from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from lit_mstar.charts.curves import Curve, curves
from lit_mstar.charts.rewards import histogram, reliability
from lit_mstar.charts.searches import Search, search_figure
from lit_mstar.charts.theme import styled, svg

FIGURES = {
    "curves": lambda: curves(
        {
            "a < b": Curve([0, 1, 2], [0.5, 0.6, 0.7], [0.4, 0.5, 0.6], [0.6, 0.7, 0.8]),
            "c": Curve([0, 1, 2], [0.2, 0.3, 0.3]),
        }
    ),
    "search": lambda: search_figure(Search([0.5, 1.0, 1.5], [0.7, 0.8, 0.6], [0.02] * 3, 0.5, 1.0)),
    "histogram": lambda: histogram([1, 2, 3, 4], [4, 3, 2, 1]),
    "reliability": lambda: reliability([0.1, 0.9], [0.2, 0.8], [0.1, 0.7], [0.3, 0.9]),
}


@pytest.mark.parametrize("kind", FIGURES)
def test_a_chart_is_xml_in_the_pages_colours_with_its_text_as_text(kind: str):
    with styled():
        text = svg(FIGURES[kind](), 'what it "shows"')
    root = ElementTree.fromstring(text)  # noqa: S314 - ours
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'what it "shows"'
    assert "viewBox" in root.attrib
    assert not {"width", "height"} & root.attrib.keys()
    colours = set(re.findall(r"(?:fill|stroke): ([^;\"(]+(?:\(--[^)]*\))?)", text)) - {"url"}  # hatches
    assert colours <= {
        "none",
        *(f"var(--{name})" for name in ("good", "other", "bad", "third", "fourth", "ink", "quiet", "line", "card")),
    }, colours
    assert len(root.findall(".//{http://www.w3.org/2000/svg}text")) > 4


def test_two_charts_share_no_ids_and_one_is_always_the_same():
    with styled():
        first, again, second = (svg(FIGURES["curves"](), name) for name in ("one", "one", "two"))
    assert first == again
    ids = [set(re.findall(r'id="([^"]+)"', text)) for text in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
