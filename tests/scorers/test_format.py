from __future__ import annotations

from typing import Any, get_args

import pytest

from lit_mstar.scorers import StepFormat
from lit_mstar.scorers.presets import ClassName, PairName, preset


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"marker": "+", "prompt": "Q"}, "prompt is 'Q'; it must contain {question}"),
        ({"marker": "+", "step": "S"}, "step is 'S'; it must contain {step}"),
        ({}, "marker is empty"),
        ({"layout": "turns", "history": ""}, "history is empty"),
    ],
)
def test_a_format_that_shows_nothing_is_refused(options: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        StepFormat(**options)


def test_steps_are_numbered():
    form = StepFormat(marker="+", step="{number}) {step}")
    assert form.written(["a", "{number}"]) == ["1) a", "2) {number}"]


@pytest.mark.parametrize("name", [*get_args(PairName), *get_args(ClassName)])
def test_every_preset_is_whole(name: str):
    known = preset(name)
    assert 0 < known.threshold < 1
    assert known.good != known.bad
    assert known.format.layout == "turns" or known.format.marker
