from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import binom

from lit_mstar.commands.pointless import _ENOUGH, pointless


@pytest.mark.parametrize(
    ("summary", "reason"),
    [
        ({"test_accuracy": 0.0, "test_problems": 400}, "none of 400 test problems is answered right"),
        ({"test_accuracy": 0.0, "test_problems": 100}, "none of 100"),
        ({"steps": 532, "mean_label": 0.0}, r"No step leads to the right answer \(532 steps\)"),
        ({"steps": 532, "mean_label": 1.0}, "Every step leads"),
    ],
)
def test_what_leaves_nothing_to_learn_is_named(summary: dict[str, Any], reason: str) -> None:
    import re

    assert re.match(f"1-warmup: {reason}", str(pointless("1-warmup", summary)))


@pytest.mark.parametrize(
    "summary",
    [
        {},
        {"test_accuracy": 0.0, "test_problems": 99},  # too few to say so
        {"test_accuracy": 0.0},
        {"test_accuracy": 0.0025, "test_problems": 400},
        {"steps": 532, "mean_label": 0.001},
        {"step_auroc": 0.5},
    ],
)
def test_whatever_may_be_learned_from_goes_on(summary: dict[str, Any]) -> None:
    assert pointless("1-warmup", summary) is None


def test_none_of_so_many_right_means_fewer_than_three_percent() -> None:
    assert binom.cdf(0, _ENOUGH, 0.03) < 0.05
