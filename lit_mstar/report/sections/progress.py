"""How a run went, iteration by iteration."""

from __future__ import annotations

from collections.abc import Sequence

from lit_mstar.charts.curves import Curve
from lit_mstar.report.sections.chart import Chart, drawn, over_iterations
from lit_mstar.report.tally import Tally


def how_it_went(found: Sequence[Tally], valid: int) -> list[Chart]:
    """Exploration and exploitation, iteration by iteration."""
    shares = {
        "right": Curve([t.index for t in found if t.first], [t.first_right / t.first for t in found if t.first]),
        "kept": Curve([t.index for t in found if t.sampled], [t.kept / t.sampled for t in found if t.sampled]),
    }
    gap = "validation problems: greedy answers, and above them what sampling still finds"
    return [
        *over_iterations(
            "Greedy and Pass@K", gap, found, {"pass_at_k": "Pass@K", "greedy_accuracy": "greedy"}, valid=valid
        ),
        *over_iterations(
            "Reward-Pass@2",
            "a right response among the two that the reward likes best",
            found,
            {"reward_pass_at_2": "Reward-Pass@2"},
            valid=valid,
        ),
        *(
            [drawn("Right and kept", "share of all responses sampled for training", shares)]
            if shares["right"].xs
            else []
        ),
        *over_iterations(
            "Diversity", "share of a problem's responses whose text is not another's", found, {"distinct": "distinct"}
        ),
    ]
