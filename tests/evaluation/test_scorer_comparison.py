"""Two scorers on the same responses, counted by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lit_mstar import Problem, Response, Rollout
from lit_mstar.evaluation.scorer_comparison import compare_scorers, with_scores


def judge(problem: Problem, steps: Sequence[str]) -> list[bool]:
    return ["true" in step for step in steps]


def response(text: str, correct: bool, *steps: str) -> Response:
    return Response(text=text, steps=list(steps), correct=correct)


ROLLOUTS = [
    Rollout(
        problem=Problem(id="p", question="?", answer="7"),
        responses=[
            response("a", True, "true", "true"),
            response("b", True, "true", "false"),
            response("c", True, "false"),
            response("d", False, "false", "true"),
        ],
    ),
    Rollout(
        problem=Problem(id="q", question="?", answer="8"),
        responses=[
            response("a", False, "false"),
            response("b", True, "true"),
            response("c", False, "true"),
            response("d", False, "false"),
        ],
    ),
]
GOOD = [[[0.9, 0.8], [0.9, 0.1], [0.2], [0.1, 0.7]], [[0.1], [0.9], [0.8], [0.2]]]
BAD = [[[0.1, 0.2], [0.1, 0.9], [0.8], [0.9, 0.9]], [[0.9], [0.1], [0.2], [0.8]]]


def test_what_each_would_have_made_of_them():
    found = compare_scorers(
        {"good": with_scores(ROLLOUTS, GOOD, "min"), "bad": with_scores(ROLLOUTS, BAD, "min")}, judge
    )
    assert found["good"]["best_of_n"]["value"] == 1.0
    assert found["bad"]["best_of_n"]["value"] == 0.0
    assert found["bad"]["best_of_n"]["difference"]["value"] == -1.0
    assert "difference" not in found["good"]["best_of_n"]
    # Of p's three right responses, GOOD keeps a and c (min 0.8, 0.2), of which one is true; BAD keeps a and c as well.
    assert found["good"]["faithful"]["value"] == pytest.approx(1 / 2)
    assert found["good"]["faithful"]["n"] == 1
    assert found["good"]["step_auroc"] == pytest.approx(1.0)
    assert found["bad"]["step_auroc"] < 0.5
    assert found["good"]["agrees"] == pytest.approx(1.0)
    assert found["bad"]["agrees"] < 0


def test_without_a_judge_there_is_no_truth():
    found = compare_scorers({"one": with_scores(ROLLOUTS, GOOD, "mean")}, lambda problem, steps: None)
    assert found["one"]["step_auroc"] is None
    assert "faithful" not in found["one"]
    assert ROLLOUTS[0].responses[0].step_scores == []  # the originals are as they were
