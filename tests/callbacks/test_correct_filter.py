from __future__ import annotations

from lit_mstar.callbacks import CorrectFilter
from lit_mstar.rewards.selection import AllCorrect, RandomK


def spoken(problem, index, sampling):
    """Six responses: the first is wrong, the third repeats the second."""
    answer = "none" if index == 0 else problem.answer
    return f"Step 1: Take {1 if index == 2 else index}.\nAnswer: {answer}"


def test_two_of_the_correct_are_learned_from_as_randomk_draws_them(evolution):
    evolution(spoken, [CorrectFilter()], n=6)
    rollouts = evolution.data.iteration.rollouts
    assert [rollout.selected for rollout in rollouts] == [RandomK(k=2)(rollout) for rollout in rollouts]
    assert all(set(rollout.selected) < {1, 3, 4, 5} and len(rollout.selected) == 2 for rollout in rollouts)
    assert len(evolution.data._examples) == 2 * len(rollouts)


def test_another_selection(evolution):
    evolution(spoken, [CorrectFilter(AllCorrect())], n=6)
    assert [rollout.selected for rollout in evolution.data.iteration.rollouts] == [[1, 3, 4, 5]] * 4
