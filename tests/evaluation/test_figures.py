"""Figures against counting by hand."""

from __future__ import annotations

from itertools import combinations

import pytest

from lit_mstar import Problem, Response, Rollout
from lit_mstar.evaluation import OptionGrader, Scoring
from lit_mstar.evaluation.figures import accuracy, by_groups, circular, of_several, shares
from lit_mstar.evaluation.graded import Graded, graded
from lit_mstar.reasoning import ReasoningFormat


def one(number: int, *right: bool, **more: object) -> Graded:
    values: dict[str, object] = {
        "id": str(number),
        "cluster": f"c{number}",
        "tags": {},
        "official": right,
        "ours": right,
        "answered": (True,) * len(right),
        "cut": (False,) * len(right),
        "tokens": (10,) * len(right),
        "majority": False,
        "best": None,
    }
    return Graded(**values | more)  # type: ignore[arg-type]


def test_accuracy_beside_our_graders():
    found = accuracy([one(0, True, ours=(False,)), one(1, False), one(2, True), one(3, True)])
    assert (found["value"], found["ours"], found["n"]) == (0.75, 0.5, 4)


def test_a_question_counts_in_the_circle_if_all_rotations_are_right():
    rows = [one(i, i != 4, tags={"question": str(i % 3)}) for i in range(6)]  # 4 is a rotation of 1
    found = circular(rows, "question")
    assert (found["value"], found["n"]) == (pytest.approx(2 / 3), 3)


def test_groups():
    rows = [one(i, i < 2, tags={"kind": "ab"[i % 2]}) for i in range(4)] + [one(9, True)]
    found = by_groups(rows, ["kind", "other"])
    assert {kind: figure["value"] for kind, figure in found["kind"].items()} == {"a": 0.5, "b": 0.5}
    assert found["other"] == {}


def test_shares():
    rows = [one(0, True, tokens=(None,)), one(1, False, answered=(False,), cut=(True,), tokens=(30,))]
    assert shares(rows) == {"no_answer": 0.5, "cut": 0.5, "tokens": 30}
    assert shares([one(0, True, tokens=(None,))])["tokens"] is None


def test_several_responses_by_brute_force():
    rows = [one(0, True, False, False, majority=True, best=True), one(1, False, True, True, best=False)]
    found = of_several(rows)
    assert list(found) == ["pass@1", "pass@2", "pass@3", "majority@3", "best-of-3"]
    for k in (1, 2, 3):
        chances = [[any(pick) for pick in combinations(row.official, k)] for row in rows]
        expected = sum(sum(chance) / len(chance) for chance in chances) / 2
        assert found[f"pass@{k}"]["value"] == pytest.approx(expected)
    assert (found["majority@3"]["value"], found["best-of-3"]["value"]) == (0.5, 0.5)


def test_grading_marks_twice_and_votes():
    problem = Problem(id="p", question="?", choices=("red", "blue"), answer="B", tags={"question": "7"})
    texts = ["Answer: B", "Answer: A", "So it is blue.\nAnswer: blue", "Step 1: Look closely at all of it."]
    responses = [
        Response(text=text, token_ids=[1] * i, score=score)
        for i, (text, score) in enumerate(zip(texts, (0.1, 0.9, 0.2, 0.3), strict=True))
    ]
    (found,) = graded(
        [Rollout(problem=problem, responses=responses)], Scoring(name="x", rotations="question"), ReasoningFormat()
    )
    assert found.official == (True, False, True, False)
    assert found.answered == (True, True, True, False)
    assert found.tokens == (None, 1, 2, 3)
    assert found.majority
    assert found.best is False  # a PRM that likes A
    assert found.cluster == "question 7"


def test_what_the_rule_costs_is_seen():
    """Ours wants an option's own words; the option rule takes whatever has them in it."""
    problem = Problem(id="p", question="?", choices=("red", "blue"), answer="B", answer_type="letter")
    responses = [Response(text="Answer: what I see is blueish grey", token_ids=[1])]
    (found,) = graded(
        [Rollout(problem=problem, responses=responses)], Scoring(name="x", grader=OptionGrader()), ReasoningFormat()
    )
    assert (found.official, found.ours) == ((True,), (False,))
    assert found.cluster == "problem p"


def test_problems_on_one_image_are_a_cluster():
    pictures = [b"one", b"one", b"two"]
    rollouts = [
        Rollout(
            problem=Problem(id=str(i), question="?", answer="1", images=(x,)), responses=[Response(text="Answer: 1")]
        )
        for i, x in enumerate(pictures)
    ]
    first, second, third = graded(rollouts, Scoring(name="x"), ReasoningFormat())
    assert first.cluster == second.cluster != third.cluster
