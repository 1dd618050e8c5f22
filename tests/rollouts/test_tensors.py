from __future__ import annotations

import pytest
import torch

from lit_mstar import Problem, Response, Rollout
from lit_mstar.rollouts.tensors import correctness, distinctness, faithful, first_of_text, scores


def rollouts(*rows: list[tuple[bool | None, float | None]]) -> list[Rollout]:
    problem = Problem(id="p", question="?")
    return [Rollout(problem=problem, responses=[Response(text="", correct=c, score=s) for c, s in row]) for row in rows]


def test_unknown_counts_as_wrong():
    table = correctness(rollouts([(True, None), (False, None)], [(None, None), (True, None)]))
    assert table.dtype == torch.bool
    assert table.tolist() == [[True, False], [False, True]]


def test_scores_keep_their_places():
    table = scores(rollouts([(None, 0.0), (None, 0.5)], [(None, 0.25), (None, 1.0)]))
    assert table is not None
    assert table.dtype == torch.float32
    assert table.tolist() == [[0.0, 0.5], [0.25, 1.0]]


def test_one_missing_score_means_none():
    assert scores(rollouts([(None, 0.0), (None, 0.5)], [(None, 0.25), (None, None)])) is None


def test_distinctness_is_the_share_of_distinct_texts():
    responses = [Response(text=text) for text in "aabc"]
    assert distinctness(Rollout(problem=Problem(id="p", question="?"), responses=responses)) == 0.75


def test_the_first_of_each_text():
    rows = ["aabcb", "ccccc"]
    table = first_of_text(
        [Rollout(problem=Problem(id="p", question="?"), responses=[Response(text=t) for t in row]) for row in rows]
    )
    assert table.tolist() == [[True, False, True, True, False], [True, False, False, False, False]]


@pytest.mark.parametrize(
    ("verdict", "expected"), [([True, True], True), ([True, False], False), ([], False), (None, None)]
)
def test_a_response_is_faithful_if_it_has_steps_and_all_are_true(verdict: list[bool] | None, expected: bool | None):
    problem, response = Problem(id="p", question="?"), Response(text="", steps=["a", "b"])
    asked = []
    assert faithful(problem, response, lambda *given: asked.append(given) or verdict) is expected
    assert asked == [(problem, ["a", "b"])]
