"""A reward as reranker, against values taken by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lit_mstar import Problem, Response, Rollout
from lit_mstar.data import ProblemSource
from lit_mstar.rewards.reranking import reranking


def chains(*rows: tuple[str, int, int, bool, float], name: str = "p") -> Rollout:
    """Responses by text, steps, tokens, correctness and score; steps that are not "true" are false."""
    return Rollout(
        problem=Problem(id=name, question="?", answer="4"),
        responses=[
            Response(text=text, steps=text.split()[:steps], token_ids=[0] * tokens, correct=correct, score=score)
            for text, steps, tokens, correct, score in rows
        ],
    )


def all_true(problem: Problem, steps: Sequence[str]) -> list[bool]:
    return [step == "true" for step in steps]


FIRST = chains(
    ("true a b c", 1, 4, True, 0.5),
    ("true a b d", 1, 6, True, 0.75),  # the best
    ("true a b d", 1, 9, True, 1.0),  # the same text: only the first counts
    ("wrong", 1, 90, False, 1.0),
    ("false e", 1, 12, True, 0.25),
    ("true true", 2, 10, True, 0.5),  # equals the first, which came before
)
SECOND = chains(
    ("a", 0, 1, True, 0.9), ("true", 1, 2, True, 0.8), ("x", 1, 8, True, 0.7), name="q"
)  # a response without steps is not faithful
THIRD = chains(("a", 1, 70, True, 0.9), ("b", 1, 70, True, 0.8), name="r")  # nothing is left over


def test_the_top_and_the_rest_by_hand() -> None:
    found = reranking([FIRST, SECOND, THIRD], 2, all_true)
    assert found == pytest.approx(
        {
            "compared": 2,
            "top2/steps": ((1 + 1) / 2 + (0 + 1) / 2) / 2,
            "rest/steps": ((1 + 2) / 2 + 1) / 2,
            "top2/tokens": ((4 + 6) / 2 + (1 + 2) / 2) / 2,
            "rest/tokens": ((12 + 10) / 2 + 8) / 2,
            "top2/faithful": (1 + 1 / 2) / 2,
            "rest/faithful": (1 / 2 + 0) / 2,
            "top2/distinct": 1 - 3 / 5,  # of the first alone: the second has one response left over, and no pair
            "rest/distinct": 1,
        }
    )


def test_distinctness_is_the_mean_over_all_pairs() -> None:
    rest = chains(*[(text, 1, 1, True, 0.1) for text in ("a b", "a b c", "c d")])
    best = chains(("top one", 1, 1, True, 0.9), ("top two", 1, 1, True, 0.8)).responses
    found = reranking([Rollout(problem=rest.problem, responses=[*rest.responses, *best])], 2, all_true)
    assert found["top2/distinct"] == pytest.approx(1 - 1 / 3)
    assert found["rest/distinct"] == pytest.approx(((1 - 2 / 3) + 1 + (1 - 1 / 4)) / 3)


def test_faithfulness_is_unknown_without_a_judge() -> None:
    class Silent(ProblemSource):
        def problems(self, split: Any) -> list[Problem]:
            return []

    found = reranking([FIRST], 2, Silent().judge_steps)
    assert found.keys() == {"compared"} | {
        f"{g}/{x}" for g in ("top2", "rest") for x in ("steps", "tokens", "distinct")
    }


def test_nothing_to_compare_is_said() -> None:
    assert reranking([SECOND, THIRD], 3, all_true) == {"compared": 0}
    one = reranking([THIRD], 1, all_true)
    assert (one["compared"], one["top1/tokens"], one["rest/tokens"]) == (1, 70, 70)
    assert "top1/distinct" not in one


@pytest.mark.parametrize(("k", "score", "message"), [(0, 0.5, "at least 1"), (2, None, "has score None")])
def test_reranking_needs_a_k_and_scores(k: int, score: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reranking([chains(("a", 1, 1, True, score))], k, all_true)
