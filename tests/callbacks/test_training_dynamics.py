"""What is measured each iteration, counted by hand."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean
from typing import Any

import pytest
from scripted import ListSource, right, sums, wrong

from lit_mstar import Problem, Response, Rollout
from lit_mstar.callbacks import TrainingDynamics
from lit_mstar.callbacks.training_dynamics import rollout_metrics
from lit_mstar.data import DigitsSource
from lit_mstar.rollouts import SamplingParams

GREEDY = {"v0", "v1", "v2"}  # the validation problems that the greedy response solves
SOLVED = {"v0": 4, "v1": 1, "v2": 0, "v3": 2}  # how many of 4 samples solve each


def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
    if problem.id in SOLVED:
        good = problem.id in GREEDY if sampling.temperature == 0 else index < SOLVED[problem.id]
        return right(problem, index) if good else wrong(problem, index)
    # Training: two right ones with the same text, a right one of three steps, and a wrong one.
    longer = f"Step 1: a\nStep 2: b\nStep 3: c\nAnswer: {problem.answer}"
    return [right(problem), right(problem), longer, wrong(problem)][index]


def pass_by_hand(correct: int, n: int, k: int) -> float:
    draws = list(combinations([i < correct for i in range(n)], k))
    return sum(any(draw) for draw in draws) / len(draws)


def test_counts_are_those_of_the_rollouts(evolution: Any) -> None:
    evolution(rule, [TrainingDynamics(k=2)], max_epochs=2)
    for index in range(2):
        metrics = evolution.metrics(index)
        expected = {"sampled": 16, "correct": 12, "kept": 8, "share_correct": 0.75, "share_kept": 0.5}
        assert {name: metrics[name] for name in expected} == expected
        assert metrics["distinct"] == 0.75
        assert metrics["mean_steps"] == (1 + 1 + 3 + 1) / 4
        assert metrics["temperature"] == 1.0


@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_exploration_is_measured_on_validation_problems(evolution: Any, k: int) -> None:
    evolution(rule, [TrainingDynamics(k=k)])
    metrics = evolution.metrics(0)
    explored = fmean(pass_by_hand(correct, 4, min(k, 4)) for correct in SOLVED.values())
    assert metrics["pass_at_k"] == pytest.approx(explored)
    assert metrics["greedy_accuracy"] == 0.75
    assert metrics["gap"] == pytest.approx(explored - 0.75)
    assert "reward_pass_at_2" not in metrics  # nothing scored


def test_reward_pass_is_measured_where_something_scores(evolution: Any) -> None:
    """Ranked by the index, highest first: the two best are responses 2 and 3 of 4."""
    scoring = evolution.scoring(lambda problem, response: float(response.text.split("Take ")[-1][0] in "23"))
    evolution(rule, [scoring, TrainingDynamics(k=2)])
    assert evolution.metrics(0)["reward_pass_at_2"] == sum(correct > 2 for correct in SOLVED.values()) / 4


def test_one_response_is_enough(evolution: Any) -> None:
    scoring = evolution.scoring(lambda problem, response: 0.5)
    evolution(rule, [scoring, TrainingDynamics()], n=1)
    metrics = evolution.metrics(0)
    assert metrics["pass_at_k"] == metrics["reward_pass_at_2"] == sum(c > 0 for c in SOLVED.values()) / 4


def test_n_is_the_number_of_validation_responses(evolution: Any) -> None:
    evolution(rule, [TrainingDynamics(k=2, n=3)])
    numbers = {ids[0][0]: s.n for ids, s in evolution.sampler.calls if s.temperature > 0}
    assert numbers == {"p": 4, "v": 3}


def test_no_validation_problems_no_exploration(evolution: Any) -> None:
    evolution(rule, [TrainingDynamics()], source=ListSource(train=sums(8)))
    metrics = evolution.metrics(0)
    assert metrics["sampled"] == 16
    assert not {"pass_at_k", "greedy_accuracy", "gap"} & metrics.keys()


def test_faithful_kept_is_the_share_of_wholly_true_chains(evolution: Any) -> None:
    source = DigitsSource(seed=0, train=4, validate=0, test=0)

    def reads(problem: Problem, index: int, sampling: SamplingParams) -> str:
        """The right answer each time: from true readings, from one false reading, from no words, and wrongly."""
        first, second = true_digits(source, problem)
        wrong_first = (first + 1) % 10
        end = f"Step 2: The second digit is {second}.\nAnswer: {problem.answer}"
        return [
            f"Step 1: The first digit is {first}.\n{end}",
            f"Step 1: The first digit looks like {first}.\n{end}",
            f"Step 1: The first digit is {wrong_first}.\n{end}",
            f"Answer: {problem.answer}",
            f"Step 1: The first digit is {first}.\nAnswer: none",
        ][index]

    evolution(reads, [TrainingDynamics()], source=source, n=5, interval=1.0)
    metrics = evolution.metrics(0)
    assert (metrics["kept"], metrics["correct"]) == (16, 16)
    assert metrics["faithful_kept"] == 0.5


def true_digits(source: DigitsSource, problem: Problem) -> list[int]:
    names = ("first", "second")
    statements = [[f"The {name} digit is {digit}." for digit in range(10)] for name in names]
    return [source.judge_steps(problem, row).index(True) for row in statements]


def test_faithfulness_is_unknown_without_a_judge(evolution: Any) -> None:
    evolution(rule, [TrainingDynamics()])
    assert "faithful_kept" not in evolution.metrics(0)


def test_metrics_of_hand_written_rollouts() -> None:
    rollouts = [
        Rollout(
            problem=sums(1)[0],
            responses=[
                Response(text="a", steps=["x", "y"], correct=True),
                Response(text="a", steps=["x", "y"], correct=True),
                Response(text="b", steps=[], correct=None),
            ],
            selected=[0],
        ),
        Rollout(problem=sums(2)[1], responses=[Response(text=t, steps=["x"], correct=False) for t in "abc"]),
    ]
    assert rollout_metrics(rollouts) == pytest.approx(
        {
            "sampled": 6,
            "correct": 2,
            "kept": 1,
            "share_correct": 1 / 3,
            "share_kept": 1 / 6,
            "distinct": (2 / 3 + 1) / 2,
            "mean_steps": 7 / 6,
        }
    )
