"""What is measured each iteration, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from statistics import fmean
from typing import Any

import pytest

from lit_mstar import EvolutionCallback, Iteration, Problem
from lit_mstar.callbacks import TrainingDynamics
from lit_mstar.data import DigitsSource
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import ListSource, right, sums, wrong

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
    assert metrics["faithful_kept"] == metrics["faithful_correct"] == 0.5


def test_the_selection_s_gain_is_between_faithful_correct_and_faithful_kept(evolution: Any) -> None:
    """Of four correct texts one is true; the best two of five responses by score are that one and another."""
    source = DigitsSource(seed=0, train=4, validate=0, test=0)

    def reads(problem: Problem, index: int, sampling: SamplingParams) -> str:
        first, second = true_digits(source, problem)
        seen = [first, (first + 1) % 10, (first + 2) % 10, (first + 3) % 10, (first + 3) % 10, first][index]
        steps = f"Step 1: The first digit is {seen}.\nStep 2: The second digit is {second}.\n"
        return f"{steps}Answer: {'none' if index == 5 else problem.answer}"

    class Two(EvolutionCallback):
        def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            for rollout in iteration.rollouts:
                rollout.selected = [0, 2]

    evolution(reads, [Two(), TrainingDynamics()], source=source, n=6, interval=1.0)
    metrics = evolution.metrics(0)
    assert (metrics["faithful_correct"], metrics["faithful_kept"]) == (0.25, 0.5)


def by_temperature(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """The hotter, the more of 4 responses are right; training problems always get right ones."""
    good = problem.id[0] == "p" or index < round(sampling.temperature * 2) + int(problem.id[1:]) % 2
    return right(problem, index) if good else wrong(problem, index)


def test_other_temperatures_are_measured_with_the_same_random_numbers(evolution: Any) -> None:
    scoring = evolution.scoring(lambda problem, response: -float(response.text.split("Take ")[-1][0]))
    evolution(by_temperature, [scoring, TrainingDynamics(k=2, temperatures=[0.5, 1.0, 1.5])])
    metrics = evolution.metrics(0)
    for temperature, name in ((0.5, "0.5"), (1.0, "1"), (1.5, "1.5")):
        solved = [min(4, round(temperature * 2) + odd) for odd in (0, 1, 0, 1)]
        assert metrics[f"pass_at_k/T={name}"] == pytest.approx(fmean(pass_by_hand(c, 4, 2) for c in solved))
        assert metrics[f"reward_pass_at_2/T={name}"] == 1
    assert metrics["pass_at_k"] == metrics["pass_at_k/T=1"]
    drawn = [s for ids, s in evolution.sampler.calls if ids[0] == "v0" and s.temperature > 0]
    assert [s.temperature for s in drawn] == [1.0, 0.5, 1.5]  # the current one is sampled once
    assert len({(s.seed, s.n, s.max_tokens) for s in drawn}) == 1


def test_no_reward_pass_where_nothing_scores(evolution: Any) -> None:
    evolution(by_temperature, [TrainingDynamics(temperatures=[0.5])])
    assert {name for name in evolution.metrics(0) if "T=" in name} == {"pass_at_k/T=0.5"}


@pytest.mark.parametrize(("every", "measured"), [(1, [0, 1, 2, 3, 4]), (2, [1, 3, 4]), (3, [2, 4]), (9, [4])])
def test_validation_is_measured_every_so_many_iterations_and_at_the_last(
    evolution: Any, every: int, measured: list[int]
) -> None:
    evolution(rule, [TrainingDynamics(k=2, every=every)], max_epochs=5)
    found = [evolution.metrics(index) for index in range(5)]
    assert [index for index, metrics in enumerate(found) if "pass_at_k" in metrics] == measured
    assert [index for index, metrics in enumerate(found) if "gap" in metrics] == measured
    assert [metrics["share_correct"] for metrics in found] == [0.75] * 5
    assert [metrics["greedy_accuracy"] for metrics in found] == [0.75] * 5
    assert sum(ids[0] == "v0" and s.temperature > 0 for ids, s in evolution.sampler.calls) == len(measured)


def test_problems_without_answers_dilute_nothing(evolution: Any) -> None:
    def unlabeled(count: int, prefix: str) -> list[Problem]:
        return [replace(problem, answer=None) for problem in sums(count, prefix)]

    def answers(problem: Problem, index: int, sampling: SamplingParams) -> str:
        return rule(problem if problem.answer else replace(problem, id="p", answer="7"), index, sampling)

    source = ListSource(train=[*sums(6), *unlabeled(6, "q")], validate=[*sums(4, "v"), *unlabeled(3, "w")])
    evolution(answers, [TrainingDynamics(k=2)], source=source, interval=1.0)
    metrics = evolution.metrics(0)
    assert (metrics["sampled"], metrics["correct"], metrics["kept"]) == (48, 18, 12)
    assert (metrics["share_correct"], metrics["share_kept"]) == (0.75, 0.25)
    assert metrics["pass_at_k"] == pytest.approx(fmean(pass_by_hand(c, 4, 2) for c in SOLVED.values()))


def test_greedy_accuracy_is_of_answered_problems(evolution: Any) -> None:
    unlabeled = [replace(problem, answer=None) for problem in sums(5, "w")]
    evolution(rule, [TrainingDynamics(k=2)], source=ListSource(train=sums(8), validate=[*sums(4, "v"), *unlabeled]))
    assert evolution.metrics(0)["greedy_accuracy"] == len(GREEDY) / 4
    assert not {id for ids, _ in evolution.sampler.calls for id in ids if id[0] == "w"}


def test_nothing_is_measured_where_no_validation_problem_has_an_answer(evolution: Any) -> None:
    unlabeled = [replace(problem, answer=None) for problem in sums(3, "w")]
    evolution(rule_for_all, [TrainingDynamics()], source=ListSource(train=sums(8), validate=unlabeled))
    assert "pass_at_k" not in evolution.metrics(0)


def rule_for_all(problem: Problem, index: int, sampling: SamplingParams) -> str:
    return right(problem, index)


@pytest.mark.parametrize(
    ("arguments", "message"), [({"every": 0}, "every is 0"), ({"temperatures": [0.5, 0.0]}, r"\[0.5, 0.0\].*above 0")]
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"TrainingDynamics.*{message}"):
        TrainingDynamics(**arguments)


def true_digits(source: DigitsSource, problem: Problem) -> list[int]:
    names = ("first", "second")
    statements = [[f"The {name} digit is {digit}." for digit in range(10)] for name in names]
    return [source.judge_steps(problem, row).index(True) for row in statements]


def test_faithfulness_is_unknown_without_a_judge(evolution: Any) -> None:
    evolution(rule, [TrainingDynamics()])
    assert not {"faithful_kept", "faithful_correct"} & evolution.metrics(0).keys()


def test_greedy_accuracy_is_of_the_epochs_that_were_validated(evolution: Any) -> None:
    dynamics = TrainingDynamics(k=2, every=1000)
    evolution(rule, [dynamics], max_epochs=4, check_val_every_n_epoch=2)
    assert ["greedy_accuracy" in evolution.metrics(index) for index in range(4)] == [False, True, False, True]
