from __future__ import annotations

import pytest

from lit_mstar import Problem
from lit_mstar.report.browser.flags import flags_of, looks_like, marks_of
from support.reported import response, rollout

PROBLEM = Problem(id="p", question="?", answer="7")


def flags(*history: list[bool]) -> set[str]:
    return flags_of([rollout(PROBLEM, rights, [None] * len(rights)) for rights in history], set())


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([[False, False, True], [True, True, False]], {"gained"}),
        ([[True, True, False], [True, False, False]], {"lost"}),
        ([[True, False], [True, True]], {"gained"}),  # half is not most
        ([[True, True], [False, False], [True, True]], set()),
        ([[False], [False]], {"never"}),
        ([[True]], set()),
    ],
)
def test_first_and_last_tell_what_became_of_a_problem(history: list[list[bool]], expected: set[str]):
    assert flags(*history) == expected


def test_the_reward_model_is_against_the_truth_where_a_wrong_response_scores_highest():
    assert "fooled" in flags_of([rollout(PROBLEM, [True, False], [0.2, 0.9])], set())
    assert "fooled" not in flags_of([rollout(PROBLEM, [True, False], [0.9, 0.2])], set())
    assert "fooled" not in flags_of([rollout(PROBLEM, [False, False], [0.9, 0.2])], set())  # there is no right one
    assert "fooled" not in flags_of([rollout(PROBLEM, [True, False], [None, None])], set())


def test_problems_without_verdicts_are_neither_right_nor_wrong():
    unknown = rollout(PROBLEM, [False], [None])
    unknown.responses[0].correct = None
    assert flags_of([unknown], set()) == set()


def test_a_chain_is_suspect_by_the_truth_and_else_by_its_least_score():
    right, low = response(PROBLEM, True, 0.9), response(PROBLEM, True, 0.1)
    assert marks_of(PROBLEM, right, [True, False]) == {"suspect"}
    assert marks_of(PROBLEM, low, [True, True]) == set()
    assert marks_of(PROBLEM, low, None) == {"suspect"}
    assert marks_of(PROBLEM, right, None) == set()
    assert marks_of(PROBLEM, response(PROBLEM, False, 0.1), None) == set()
    assert marks_of(PROBLEM, response(PROBLEM, True, 0.9, finish_reason="length"), None) == {"cut"}


@pytest.mark.parametrize(
    ("answer", "reference"),
    [("3.15", "3.14"), ("the red cup", "red cup"), ("isosceles triangel", "isosceles triangle"), ("1000", "1,001")],
)
def test_near_misses(answer: str, reference: str):
    assert looks_like(answer, reference)


@pytest.mark.parametrize(
    ("answer", "reference"), [("7", "8"), ("12", "1"), ("A", "B"), ("cat", "dog"), ("", "1"), ("10", "-10")]
)
def test_plain_wrong_answers(answer: str, reference: str):
    assert not looks_like(answer, reference)
