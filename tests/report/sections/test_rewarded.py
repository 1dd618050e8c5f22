from __future__ import annotations

import numpy as np
import pytest
from torch import tensor
from torchmetrics.functional.classification import binary_calibration_error

from lit_mstar import Problem, Response, Rollout
from lit_mstar.report.sections.rewarded import reward_charts, step_charts
from lit_mstar.report.tally import BINS, Tally


def scored(seed: int, number: int = 400) -> tuple[list[float], list[bool]]:
    random = np.random.default_rng(seed)
    scores = [float(score) for score in random.random(number)]
    return scores, [bool(random.random() < 0.3 + score / 2) for score in scores]


def error_of(note: str) -> float:
    return float(note.rpartition(" ")[2])


@pytest.mark.parametrize("seed", range(3))
def test_the_calibration_error_of_steps_is_that_of_torchmetrics(seed: int):
    scores, truth = scored(seed)
    responses = [Response(text="", steps=["s"], step_scores=[score]) for score in scores]
    rollout = Rollout(problem=Problem(id="p", question="?"), responses=responses)
    verdicts = iter(truth)
    (chart,) = step_charts({0: [rollout]}, lambda problem, steps: [next(verdicts)])
    expected = binary_calibration_error(tensor(scores), tensor(truth).long(), n_bins=BINS)
    assert error_of(chart.note) == pytest.approx(float(expected), abs=6e-4)
    assert sum(int(row[2]) for row in chart.rows) == len(scores)
    for row, k in zip(chart.rows, range(BINS), strict=True):
        there = [true for score, true in zip(scores, truth, strict=True) if int(score * BINS) == k]
        assert row[1] == f"{100 * sum(there) / len(there):.1f}%"


def test_nobody_who_can_tell_is_no_chart():
    rollout = Rollout(
        problem=Problem(id="p", question="?"), responses=[Response(text="", steps=["s"], step_scores=[0.5])] * 9
    )
    assert step_charts({0: [rollout]}, lambda problem, steps: None) == []
    assert step_charts({}, lambda problem, steps: [True]) == []


def test_the_histogram_and_the_reliability_of_responses_are_the_tallies():
    tally = Tally(0, {})
    tally.steps_right[3], tally.steps_wrong[1] = 5, 2
    tally.scored[4], tally.scored_right[4], tally.score_sum[4] = 10, 7, 2.25
    tally.scored[9] = 4  # too few for a share
    steps, responses = reward_charts([tally])
    assert [row for row in steps.rows if row[1:] != ["0", "0"]] == [
        ["0.05 to 0.10", "0", "2"],
        ["0.15 to 0.20", "5", "0"],
    ]
    assert responses.rows == [["0.23", "70.0%", "10"]] or responses.rows == [["0.22", "70.0%", "10"]]
    assert error_of(responses.note) == pytest.approx(0.7 - 0.225, abs=6e-4)
