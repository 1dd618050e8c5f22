"""Fewer completions for the same labels: by counting, by brute force, and by simulation with a stated confidence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from lit_mstar import Problem, Response, Rollout
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Policy, Sampler
from lit_mstar.step_labels import Drawing, Labeller
from lit_mstar.step_labels.drawing import interval_width

K = 8


class Chances(Sampler):
    """A prefix of a problem succeeds with a known chance; draws are by seed, prefix and number, as a sampler's are."""

    def __init__(self, chances: dict[tuple[str, int], float]) -> None:
        self.chances = chances
        self.draws: Counter[tuple[str, int]] = Counter()
        self.calls: list[int] = []

    def load_policy(self, policy: Policy) -> None:
        raise AssertionError("labels are made with the policy that is loaded")

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        self.calls.append(len(problems))
        for i, (problem, prefix) in enumerate(zip(problems, prefixes or [], strict=True)):
            key = problem.id, prefix.count("\n")
            self.draws[key] += sampling.n
            rng = np.random.default_rng([sampling.seed % 2**32, int(problem.id), key[1]])
            right = rng.random(sampling.n) < self.chances[key]
            texts = [f"Answer: {problem.answer if good else 'none'}" for good in right]
            yield i, Rollout(problem=problem, responses=[Response(text=text, token_ids=[1, 2]) for text in texts])


def chains(shape: Sequence[int]) -> list[tuple[Problem, str]]:
    """A chain of so many steps for each problem."""
    return [
        (
            Problem(id=str(i), question="?", answer=str(i)),
            "".join(f"Step {k}: {i}.\n" for k in range(1, steps + 1)) + "Answer: 0",
        )
        for i, steps in enumerate(shape)
    ]


def labelled(rows: Sequence[Sequence[float]], drawing: Drawing, seed: int = 0, k: int = K) -> tuple[Any, Chances]:
    sampler = Chances({(str(i), s + 1): chance for i, row in enumerate(rows) for s, chance in enumerate(row)})
    labeller = Labeller(sampler, SamplingParams(n=k, seed=seed), drawing=drawing)
    return labeller, labeller.label(chains([len(row) for row in rows]))


@pytest.mark.parametrize("ahead", [0, 1, None])
@pytest.mark.parametrize("until", ["success", "all", "interval"])
@settings(max_examples=30)
@given(rows=st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=6), min_size=1, max_size=5))
def test_what_is_certain_is_labelled_so(until: Any, ahead: int | None, rows: list[list[float]]):
    labeller, found = labelled(rows, Drawing(until=until, ahead=ahead))
    for row, labels in zip(rows, found, strict=True):
        end = row.index(0.0) if 0.0 in row else len(row)
        assert labels.labels == [1.0] * end + [0.0] * (len(row) - end)
        assert all(labels.draws[: end + 1])
        assert not any(labels.draws[end + 1 :])
        if until == "success":
            assert labels.draws[: end + 1] == [1] * end + [K] * (end < len(row))
    assert labeller.cost.completions == sum(labeller.sampler.draws.values())
    assert labeller.cost.tokens == 2 * labeller.cost.completions


def test_waves_double_and_end_at_k():
    drawing = Drawing(until="success")
    draws, waves = 0, []
    while not drawing.done(0, draws, 11):
        waves.append(drawing.wave(draws, 11))
        draws += waves[-1]
    assert waves == [1, 1, 2, 4, 3]
    assert [Drawing(first=4).wave(0, 11), Drawing(until="interval", first=4).wave(0, 11)] == [11, 4]
    assert Drawing(until="success", first=16).wave(0, 11) == 11


def test_everything_is_in_flight_at_first():
    _, found = labelled([[1.0] * 5, [1.0, 0.0, 1.0, 1.0]], Drawing(until="success", ahead=None))
    labeller, _ = labelled([[1.0] * 5, [1.0, 0.0, 1.0, 1.0]], Drawing(until="success", ahead=None))
    assert labeller.sampler.calls == [9, 1, 1, 1]  # then only the prefix that does not succeed, by 1, 2 and 4
    step_by_step, same = labelled([[1.0] * 5, [1.0, 0.0, 1.0, 1.0]], Drawing(until="success", ahead=0))
    assert step_by_step.sampler.calls[0] == 2
    assert found == same
    assert labeller.cost.completions - step_by_step.cost.completions == 2  # what lies behind the lost step


@pytest.mark.parametrize("chance", [0.05, 0.3, 0.8])
def test_hard_labels_are_the_same_in_distribution(chance: float):
    """Two-sided exact binomial test at 99.9% for each."""
    runs = 600
    _, found = labelled([[chance]] * runs, Drawing(until="success"), seed=7)
    hits = sum(labels.labels[0] > 0 for labels in found)
    expected = 1 - (1 - chance) ** K
    low, high = binom.ppf([0.0005, 0.9995], runs, expected)
    assert low <= hits <= high
    mean = sum(labels.draws[0] for labels in found) / runs
    assert mean < K or chance == 0


def test_expected_draws_until_the_first_success():
    """Waves of 1, 1, 2, 4: within 4 standard errors of the sum over waves."""
    chance, runs = 0.4, 4000
    _, found = labelled([[chance]] * runs, Drawing(until="success"), seed=3)
    miss = 1 - chance
    probabilities = {1: chance, 2: miss - miss**2, 4: miss**2 - miss**4, 8: miss**4}
    mean = sum(n * p for n, p in probabilities.items())
    variance = sum(n * n * p for n, p in probabilities.items()) - mean**2
    found_mean = sum(labels.draws[0] for labels in found) / runs
    assert abs(found_mean - mean) < 4 * math.sqrt(variance / runs)


def test_likelihood_does_not_mind_when_drawing_stopped():
    """The binomial estimate from stopped draws is right where the mean of shares is not: 4 standard errors."""
    chance, runs = 0.3, 4000
    _, found = labelled([[chance]] * runs, Drawing(until="success"), seed=5, k=64)
    successes = sum(labels.labels[0] * labels.draws[0] for labels in found)
    draws = sum(labels.draws[0] for labels in found)
    assert abs(successes / draws - chance) < 4 * math.sqrt(chance * (1 - chance) / draws) + 0.02
    shares = sum(labels.labels[0] for labels in found) / runs
    assert shares > chance + 0.1


@given(st.integers(0, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_is_jeffreys(counts: tuple[int, int]):
    successes, draws = counts
    low, high = beta.interval(0.95, successes + 0.5, draws - successes + 0.5)
    low, high = (0.0 if successes == 0 else low), (1.0 if successes == draws else high)
    assert interval_width(successes, draws) == pytest.approx(high - low)


def test_soft_labels_are_as_narrow_as_asked():
    chances = [[x] for x in np.linspace(0.02, 0.98, 25)]
    drawing = Drawing(until="interval", width=0.35, first=2)
    _, found = labelled(chances, drawing, k=64)
    for labels in found:
        draws, right = labels.draws[0], round(labels.labels[0] * labels.draws[0])
        assert interval_width(right, draws) < 0.35 or draws == 64
        assert draws in (2, 4, 8, 16, 32, 64)
    spent = [labels.draws[0] for labels in found]
    assert max(spent[0], spent[-1]) < spent[12]  # what is nearly certain takes less


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20)), min_size=1, max_size=6))
def test_bisection_finds_where_a_chain_is_lost(shapes: list[tuple[int, int]]):
    rows = [[1.0] * min(lost, steps) + [0.0] * max(0, steps - lost) for steps, lost in shapes]
    labeller, found = labelled(rows, Drawing(until="success", bisect=True))
    assert [labels.labels for labels in found] == rows
    for i, (row, labels) in enumerate(zip(rows, found, strict=True)):
        drawn = {key for key in labeller.sampler.draws if key[0] == str(i)}
        assert len(drawn) <= math.ceil(math.log2(len(row) + 1))
        assert sum(n > 0 for n in labels.draws) <= len(drawn)


def test_equal_prefixes_are_drawn_from_once():
    sampler = Chances({("0", 1): 1.0, ("0", 2): 1.0})
    problem = Problem(id="0", question="?", answer="0")
    texts = ["Step 1: a.\nStep 2: b.\nAnswer: 0", "Step 1: a.\nStep 2: c.\nAnswer: 1", "Step 1: a.\nAnswer: 0"]
    labeller = Labeller(sampler, SamplingParams(n=K))
    found = labeller.label([(problem, text) for text in texts])
    assert labeller.cost.completions == 3 * K
    assert [labels.labels for labels in found] == [[1, 1], [1, 1], [1]]


def test_responses_are_draws_from_their_own_prefixes():
    problem = Problem(id="0", question="?", answer="0")
    texts = ["Step 1: a.\nStep 2: b.\nAnswer: 0", "Step 1: a.\nStep 2: c.\nAnswer: 1", "Step 1: d.\nAnswer: 1"]
    right = [True, False, False]
    known = Rollout(problem=problem, responses=[Response(text=t, correct=c) for t, c in zip(texts, right, strict=True)])
    sampler = Chances({("0", 1): 0.0, ("0", 2): 0.0})
    labeller = Labeller(sampler, SamplingParams(n=2), drawing=Drawing(until="success"))
    found = labeller.label([(problem, text) for text in texts], [known])
    assert [(x.labels, x.draws) for x in found] == [
        ([1 / 2, 1], [2, 1]),  # two responses begin with a, one of them is right
        ([1 / 2, 0], [2, 2]),  # its own failed, and so did the one that was drawn
        ([0], [2]),
    ]
    assert labeller.cost.completions == 2


@pytest.mark.parametrize(
    ("options", "why"),
    [({"until": "never"}, "until"), ({"width": 0.0}, "width"), ({"first": 0}, "first"), ({"ahead": -1}, "ahead")],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=f"Drawing.{why} is"):
        Drawing(**options)
