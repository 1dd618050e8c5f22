"""What whoever asks for scores may count on."""

from __future__ import annotations

import math

import pytest

from lit_mstar import Problem, Response, Rollout
from lit_mstar.scorers import StepScorer, require_scores
from support.scorers import ListedScorer, rollouts


def test_scores_are_passed_on():
    assert require_scores(ListedScorer([0.0, 1.0]), rollouts(chains=[["a", "b"]])) == [[[0.0, 1.0]]] * 2


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        ([0.5], "problem 'one', response 0: 1 scores for 2 steps"),
        ([0.5] * 3, "3 scores for 2 steps"),
        ([0.5, math.nan], "the score of step 1 is nan"),
        ([-math.inf, 0.5], "the score of step 0 is -inf"),
        ([0.5, 1.5], "the score of step 1 is 1.5, outside 0 to 1"),
        ([0.5, None], "the score of step 1 is None"),
        ([0.5, "high"], "the score of step 1 is 'high'"),
    ],
)
def test_what_fits_no_step_is_refused(scores: list[float], why: str):
    with pytest.raises(ValueError, match=f"ListedScorer, .*{why}|ListedScorer.*{why}"):
        require_scores(ListedScorer(scores), rollouts(chains=[["a", "b"]]))


def test_missing_problems_and_responses_are_refused():
    class Lazy(ListedScorer):
        def score(self, rollouts):
            return super().score(rollouts)[1:]

    with pytest.raises(ValueError, match="scores of 1 problems for 2"):
        require_scores(Lazy([0.5]), rollouts(chains=[["a"]]))

    class Short(ListedScorer):
        def score(self, rollouts):
            return [row[1:] for row in super().score(rollouts)]

    with pytest.raises(ValueError, match="scores of 0 responses to problem 'one', which has 1"):
        require_scores(Short([0.5]), rollouts(chains=[["a"]]))


def test_bounds_are_the_scorers_own():
    scorer = ListedScorer([-3.0, 2.5])
    scorer.bounds = (-5.0, 5.0)
    assert require_scores(scorer, rollouts(chains=[["a", "b"]]))[0] == [[-3.0, 2.5]]


def test_neither_reference_nor_verdict_is_shown():
    seen: list[Rollout] = []

    class Curious(StepScorer):
        def score(self, rollouts):
            seen.extend(rollouts)
            return [[[1.0] for _ in rollout.responses] for rollout in rollouts]

    problem = Problem(id="p", question="?", answer="7", accepted=("seven",), reasoning="7, as…")
    given = Rollout(problem=problem, responses=[Response(text="a", steps=["a"], correct=True, rule="equal")])
    require_scores(Curious(), [given])
    assert (seen[0].problem.answer, seen[0].problem.accepted, seen[0].problem.reasoning) == (None, (), None)
    assert (seen[0].responses[0].correct, seen[0].responses[0].rule) == (None, "")
    assert given.problem.answer == "7"
    assert given.responses[0].correct is True
