from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.rewards.selection import AboveThreshold, AllCorrect, RandomK, Selection, TopK
from lit_mstar.rollouts.nouns import Problem, Response, Rollout

scores = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
responses = st.builds(
    Response, text=st.sampled_from("abcd"), correct=st.sampled_from([True, False, None]), score=scores
)
rollouts = st.builds(
    lambda id, responses: Rollout(problem=Problem(id=id, question="?"), responses=responses),
    st.text(max_size=3),
    st.lists(responses, max_size=8),
)
selections = st.one_of(
    st.just(AllCorrect()),
    st.builds(RandomK, st.integers(1, 5), st.integers(0, 9)),
    st.builds(TopK, st.integers(1, 5)),
    st.builds(AboveThreshold, scores),
)


def rollout(*rows: tuple[str, bool | None, float | None], id: str = "p") -> Rollout:
    made = [Response(text=text, correct=correct, score=score) for text, correct, score in rows]
    return Rollout(problem=Problem(id=id, question="?"), responses=made)


def candidates(rollout: Rollout) -> list[int]:
    """The first correct response of each text, found the slow way."""
    found: list[int] = []
    for index, response in enumerate(rollout.responses):
        if response.correct is True and response.text not in [rollout.responses[i].text for i in found]:
            found.append(index)
    return found


MIXED = rollout(
    ("a", True, 0.5),
    ("b", False, 0.9),
    ("a", True, 0.5),
    ("c", None, 1.0),
    ("d", True, 0.7),
    ("e", True, 0.5),
)


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        (AllCorrect(), [0, 4, 5]),
        (AllCorrect(distinct=False), [0, 2, 4, 5]),
        (TopK(1), [4]),
        (TopK(), [0, 4]),
        (TopK(9), [0, 4, 5]),
        (AboveThreshold(0.5), [4]),
        (AboveThreshold(0.4), [0, 4, 5]),
        (AboveThreshold(0.7), []),
        (RandomK(3), [0, 4, 5]),
    ],
)
def test_what_is_kept(selection: Selection, kept: list[int]) -> None:
    assert selection(MIXED) == kept


@given(selections, rollouts)
def test_laws_of_every_selection(selection: Selection, rollout: Rollout) -> None:
    kept = selection(rollout)
    assert kept == sorted(set(kept))
    assert set(kept) <= set(candidates(rollout))
    assert selection(rollout) == kept
    if not isinstance(selection, AboveThreshold):
        assert len(kept) == min(getattr(selection, "k", 99), len(candidates(rollout)))


@given(rollouts, st.integers(1, 5), scores)
def test_selections_by_score(rollout: Rollout, k: int, threshold: float) -> None:
    def score(index: int) -> float:
        value = rollout.responses[index].score
        assert value is not None
        return value

    # The rank of a response is how many others beat it, by score or, at the same score, by coming first.
    rank = {
        i: sum(score(j) > score(i) or (score(j) == score(i) and j < i) for j in candidates(rollout))
        for i in candidates(rollout)
    }
    assert TopK(k)(rollout) == [i for i in candidates(rollout) if rank[i] < k]
    assert AboveThreshold(threshold)(rollout) == [i for i in candidates(rollout) if score(i) > threshold]


def test_random_k_depends_on_seed_and_problem_alone() -> None:
    rows = [(str(n), True, None) for n in range(16)]
    draws = {(seed, id): RandomK(4, seed)(rollout(*rows, id=id)) for seed in range(5) for id in "abcde"}
    assert len({tuple(draw) for draw in draws.values()}) > 20
    rescored = [(text.upper(), correct, 1.0) for text, correct, _ in rows]
    assert RandomK(4, 3)(rollout(*rescored, id="b")) == draws[3, "b"]
    assert RandomK(2, 0)(rollout(*rows)) == [11, 12]  # in every process: hash() isn't involved


def test_random_k_is_uniform() -> None:
    rows = [(str(n), True, None) for n in range(4)]
    counts = Counter(index for seed in range(2000) for index in RandomK(2, seed)(rollout(*rows)))
    assert set(counts) == {0, 1, 2, 3}
    assert all(abs(count - 1000) < 5 * 500**0.5 for count in counts.values())  # five standard deviations


@pytest.mark.parametrize("selection", [TopK(), AboveThreshold(0.5)])
@pytest.mark.parametrize("missing", [None, float("nan"), float("inf"), float("-inf")])
def test_a_correct_response_without_a_score(selection: Selection, missing: float | None) -> None:
    assert selection(rollout(("a", False, missing), ("b", True, 0.9))) == [1]
    with pytest.raises(ValueError, match=r"Response 1 of problem 'p' has score (None|nan|-?inf).*Add a callback"):
        selection(rollout(("a", True, 0.9), ("b", True, missing)))


@pytest.mark.parametrize("kind", [RandomK, TopK])
@pytest.mark.parametrize("k", [0, -1])
def test_k_is_positive(kind: type[RandomK | TopK], k: int) -> None:
    with pytest.raises(ValueError, match=f"k is {k}; it must be at least 1"):
        kind(k)
