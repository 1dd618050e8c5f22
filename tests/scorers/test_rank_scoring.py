"""A run's rollouts get their scores in place, or copies do."""

from __future__ import annotations

import pytest
import torch

from lit_mstar import Response, Rollout
from lit_mstar.scorers.rank_scoring import RankScoring
from support.scorers import PROBLEMS, ListedScorer, rollouts

CPU = torch.device("cpu")


class Lengths(ListedScorer):
    """Scores a step by its length, and notes when it is on a device."""

    def __init__(self) -> None:
        super().__init__([])
        self.notes: list[str] = []
        self.aggregation = "mean"

    def place(self, device: torch.device) -> None:
        self.notes.append(f"on {device}")

    def rest(self) -> None:
        self.notes.append("rests")

    def said(self) -> str:
        return "three were odd"

    def score(self, rollouts):
        self.notes.append("scores")
        return [[[len(step) / 10 for step in r.steps] for r in x.responses] for x in rollouts]


def test_in_place_by_the_scorers_own_aggregation():
    scorer, given = Lengths(), rollouts(PROBLEMS, [["a", "bbb"], []])
    with pytest.warns(UserWarning, match="three were odd"):
        found = list(RankScoring(scorer).blocks(given, CPU))
    assert [x is y for x, y in zip(found, given, strict=True)] == [True, True]
    assert [(r.step_scores, r.score) for r in given[0].responses] == [([0.1, 0.3], pytest.approx(0.2)), ([], 0.0)]
    assert scorer.notes == ["on cpu", "scores", "rests"]


def test_by_another_aggregation_in_copies():
    given = [
        Rollout(problem=PROBLEMS[0], responses=[Response(text="", steps=["a", "bb"], step_scores=[1, 1], score=1)])
    ]
    with pytest.warns(UserWarning, match="three were odd"):
        found = RankScoring(Lengths(), "product").scored(given, CPU)
    assert found[0].responses[0].score == pytest.approx(0.02)
    assert given[0].responses[0].score == 1


def test_it_rests_when_scoring_fails():
    scorer = Lengths()
    scorer.bounds = (0.0, 0.1)
    with pytest.raises(ValueError, match="outside 0 to 0.1"):
        list(RankScoring(scorer).blocks(rollouts(PROBLEMS, [["a", "bbb"]]), CPU))
    assert scorer.notes[-1] == "rests"


def test_of_divided_rollouts_each_rank_scores_all_that_it_has(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lit_mstar.scorers.rank_scoring.ranks", lambda: 2)  # the other one has others
    given = rollouts(PROBLEMS, [["a"], ["bbb"]])
    with pytest.warns(UserWarning, match="three were odd"):
        list(RankScoring(Lengths()).blocks(given, CPU, divided=True))
    assert [[r.score for r in x.responses] for x in given] == [pytest.approx([0.1, 0.3])] * len(PROBLEMS)
