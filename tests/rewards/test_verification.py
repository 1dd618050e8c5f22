"""A reward as verifier, against brute force."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar import Problem, Response, Rollout
from lit_mstar.reasoning.answers import answers_match
from lit_mstar.reasoning.marking import Marker
from lit_mstar.reasoning.voting import vote
from lit_mstar.rewards.verification import accuracies, sizes_up_to

WORDINGS = ["4", "4.0", "5", "5.00", "five", None]  # four meanings and no answer
EIGHTHS = st.integers(0, 8).map(lambda eighth: eighth / 8)  # sums are exact, and ties common


def marked(answers: Sequence[str | None], scores: Sequence[float] | None = None, **problem: Any) -> Rollout:
    """A problem, 4 unless told otherwise, and responses that answer so."""
    texts = [
        "nothing that could be called an answer" if answer is None else f"Step 1: x.\nAnswer: {answer}"
        for answer in answers
    ]
    responses = [Response(text=text) for text in texts]
    rollout = Marker().mark(
        Rollout(problem=Problem(**{"id": "p", "question": "?", "answer": "4"} | problem), responses=responses)
    )
    assert [response.answer for response in rollout.responses] == list(answers)
    for response, score in zip(rollout.responses, scores or [], strict=scores is not None):
        response.score = score
    return rollout


@st.composite
def sampled(draw: st.DrawFn) -> list[Rollout]:
    """1 to 3 problems with equally many answers, all scored."""
    n = draw(st.integers(1, 6))
    answers = st.lists(st.sampled_from(WORDINGS), min_size=n, max_size=n)
    scores = st.lists(EIGHTHS, min_size=n, max_size=n)
    return [marked(draw(answers), draw(scores)) for _ in range(draw(st.integers(1, 3)))]


def brute_force(rollout: Rollout, way: str, size: int) -> Fraction:
    """The accuracy of one way on one problem, group by group; of Pass@N, over all draws."""
    responses = rollout.responses

    def right(answer: str | None) -> bool:
        return answers_match(answer, str(rollout.problem.answer))

    if way == "pass":
        draws = [any(right(r.answer) for r in draw) for draw in combinations(responses, size)]
        return Fraction(sum(draws), len(draws))
    verdicts = []
    for start in range(0, len(responses), size):
        group = responses[start : start + size]
        if len(group) == size:
            answers, weights = [r.answer for r in group], [r.score for r in group]
            best = weights.index(max(weights))
            given = {"majority": vote(answers)[0], "weighted_vote": vote(answers, weights)[0]}
            verdicts.append(right(given.get(way, answers[best])))
    return Fraction(sum(verdicts), len(verdicts))


@given(sampled())
def test_every_way_agrees_with_brute_force(rollouts: list[Rollout]) -> None:
    sizes = range(1, len(rollouts[0].responses) + 1)
    found = accuracies(rollouts, sizes)
    assert found.keys() == {"majority", "best_of_n", "weighted_vote", "pass"}
    for way, curve in found.items():
        by_hand = {size: fmean(float(brute_force(rollout, way, size)) for rollout in rollouts) for size in sizes}
        assert curve == pytest.approx(by_hand, abs=1e-12)


@given(sampled())
def test_one_response_is_a_single_sample_and_nothing_beats_pass(rollouts: list[Rollout]) -> None:
    found = accuracies(rollouts, [1])
    share = fmean(response.correct is True for rollout in rollouts for response in rollout.responses)
    assert {way: curve[1] for way, curve in found.items()} == pytest.approx(dict.fromkeys(found, share))


def test_groups_are_consecutive_and_a_rest_is_left_out() -> None:
    rollouts = [marked(["4", "5", "4", "4", "5", "5", "4"])]
    majority = accuracies(rollouts, [2, 3, 4])["majority"]
    assert majority == {2: 2 / 3, 3: 1 / 2, 4: 1.0}  # ties go to the first: 4 5 | 4 4 | 5 5; 4 5 4 | 4 5 5; 4 5 4 4


def test_the_ways_differ_where_they_should() -> None:
    """Two weak votes against a strong one, and a strong vote against three that add up."""
    strong = marked(["5", "5", "4", None], [0.25, 0.25, 0.75, 1.0])
    adding = marked(["4", "4.0", "5", "four"], [0.5, 0.5, 0.75, 0.0])
    found = accuracies([strong, adding], [4])
    assert found == {
        "majority": {4: 0.5},  # 5; 4
        "weighted_vote": {4: 1.0},  # 0.75 against 0.5; 1.0 against 0.75
        "best_of_n": {4: 0.0},  # no answer; 5
        "pass": {4: 1.0},
    }


def test_a_letter_and_its_text_are_one_candidate() -> None:
    animals = {"answer": "A", "choices": ("dog", "cat", "bird")}
    assert accuracies([marked(["B", "cat", "A", "dog", "dog"], **animals)], [4, 5])["majority"] == {4: 0.0, 5: 1.0}
    assert accuracies([marked(["C", "B", "(b)", "dog", "cat"], **animals)], [5])["majority"] == {5: 0.0}


def test_without_scores_or_reference_there_is_less_to_say() -> None:
    one_unscored = [marked(["4"], [0.5]), marked(["4"])]
    assert accuracies(one_unscored, [1]) == {"majority": {1: 1.0}, "pass": {1: 1.0}}
    unlabelled = [marked(["4", "4"], [0.5, 0.5], answer=None)]
    assert {curve[2] for curve in accuracies(unlabelled, [2]).values()} == {0.0}


@pytest.mark.parametrize("score", [-0.5, float("nan")])
def test_scores_that_are_no_weights_are_refused(score: float) -> None:
    with pytest.raises(ValueError, match="votes need weights of 0 or more"):
        accuracies([marked(["4", "4"], [0.5, score])], [1])


@pytest.mark.parametrize("size", [0, 3])
def test_sizes_outside_the_responses_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=r"must be in 1…2"):
        accuracies([marked(["4", "4"])], [size])


@pytest.mark.parametrize(
    ("n", "sizes"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8]), (9, [1, 2, 4, 8, 9])]
)
def test_sizes_are_powers_of_two_and_n(n: int, sizes: list[int]) -> None:
    assert sizes_up_to(n) == sizes
