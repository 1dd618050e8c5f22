from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers.drafts import Drafts
from lit_mstar.samplers.drawing import TokenDraw


def taught(*responses: list[int]) -> Drafts:
    drafts = Drafts(4)
    drafts.remember("p", responses)
    return drafts


def test_what_was_said_most_often_is_guessed():
    drafts = taught([1, 2, 3, 9], [1, 2, 3, 9], [1, 5, 6, 9])
    assert drafts.guess("p", [], 3) == [1, 2, 3]
    assert drafts.guess("p", [1, 5], 2) == [6, 9]


def test_the_longest_context_that_is_known_counts():
    drafts = taught([7, 8, 4, 5], [9, 8, 4, 6], [9, 8, 4, 6])
    assert drafts.guess("p", [7, 8, 4], 1) == [5]  # by (7, 8, 4), though (8, 4) and (4,) say 6


def test_other_problems_tell_where_a_problem_itself_does_not():
    drafts = taught([1, 2, 3])
    drafts.remember("q", [[4, 2, 9]])
    assert drafts.guess("q", [4], 2) == [2, 9]
    assert drafts.guess("new", [1], 2) == [2, 3]
    assert drafts.guess("new", [77], 2) == []


def test_what_was_sampled_longest_ago_is_forgotten_first():
    drafts = Drafts(4, tokens=5)
    for key, ids in (("a", [1, 5]), ("b", [2, 6]), ("a", [1, 7]), ("c", [3])):
        drafts.remember(key, [ids])
    assert [key for key in "abc" if key in drafts] == ["a", "c"]  # 4 and 1 tokens


def test_the_latest_responses_are_kept():
    drafts = taught(*[[1, 2]] * 40)
    drafts.remember("p", [[1, 3]] * 20)
    assert drafts.guess("p", [1], 1) == [3]  # 20 of the last 32


def test_a_problem_is_counted_only_while_it_is_sampled():
    drafts = taught([1, 2, 3])
    assert drafts._counts == {}
    assert drafts.guess("p", [1], 2) == [2, 3]
    assert drafts._counts["p"][-1, -1, -1, -1, 1] == {2: 1}
    drafts.remember("p", [[1, 4]] * 2)
    assert drafts._counts == {}
    assert drafts.guess("p", [1], 1) == [4]


def test_as_many_are_guessed_as_pay():
    drafts = Drafts(3)
    for _ in range(1000):
        drafts.learn([3, 3, 1, 0], 3)  # of 4 rows, 3/4, 2/4, 2/4 are right so far
    # tokens a step over its cost: 1.75 / 1.5, 2.25 / 2, 2.75 / 2.5
    assert [drafts.length(0.5) for _ in range(8)] == [1] * 7 + [2]
    assert drafts.length(0.05) == 3
    for _ in range(1000):
        drafts.learn([0, 0], 3)
    assert [drafts.length(0.5) for _ in range(7)] == [0] * 6 + [1]


@given(st.lists(st.lists(st.integers(0, 3), max_size=8), max_size=4), st.lists(st.integers(0, 3), max_size=8))
def test_a_guess_is_of_tokens_that_followed_the_last_one(responses: list[list[int]], ids: list[int]):
    drafts = taught(*responses)
    pairs = {(a, b) for line in responses for a, b in zip([-1, *line], line, strict=False)}
    guess = drafts.guess("p", ids, 4)
    assert len(guess) <= 4
    assert set(zip([*([-1, *ids][-1:]), *guess], guess, strict=False)) <= pairs


def test_with_the_numbers_of_the_draw_guesses_agree_with_it_where_it_hesitates():
    # After 1 come 2, 5 and 8 as often as the policy says them: the same numbers draw the same tokens.
    drafts = taught(*[[1, 2]] * 5, *[[1, 5]] * 3, *[[1, 8]] * 2)
    draw = TokenDraw(SamplingParams())
    logits = torch.full((1, 1, 10), -torch.inf)
    logits[0, 0, [2, 5, 8]] = torch.tensor([0.5, 0.3, 0.2]).log()
    for u in np.arange(0.05, 1, 0.1):  # away from the borders, where rounding decides
        drawn = int(draw(logits, torch.tensor([[u]], dtype=torch.float64))[0])
        assert drafts.guess("p", [1], 1, np.array([u])) == [drawn]
