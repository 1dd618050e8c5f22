"""Several sources as one: weights, ids, prompts, and who judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_mstar.data import DigitsSource, JsonlSource, MixtureSource
from support.jsonl import GOOD, write


def source(folder: Path, name: str, count: int, **options: str) -> JsonlSource:
    rows = [GOOD | {"id": f"{name}{i}", "question": f"{name} {i}?"} for i in range(count)]
    file = write(folder, *rows, name=f"{name}.jsonl")
    return JsonlSource(train=file, **options)


def test_weights_thin_out_and_repeat(tmp_path: Path):
    mixture = MixtureSource([source(tmp_path, "a", 10), source(tmp_path, "b", 4)], weights=[0.5, 1.5])
    ids = [problem.id for problem in mixture.problems("train")]
    assert len([x for x in ids if x.startswith("a")]) == 5
    assert sorted(x for x in ids if x.startswith("b") and "#" not in x) == ["b0", "b1", "b2", "b3"]
    assert len([x for x in ids if x.endswith("#1")]) == 2
    assert len(set(ids)) == len(ids)
    assert ids == [problem.id for problem in mixture.problems("train")]


def test_what_is_measured_with_is_whole():
    digits = DigitsSource(train=10, test=6)
    mixture = MixtureSource([digits], weights=[0.1])
    assert len(mixture.problems("test")) == 6
    assert len(mixture.problems("train")) == 1


def test_prompts_stay_with_their_source(tmp_path: Path):
    mixture = MixtureSource([source(tmp_path, "a", 1, prompt="A {question}"), source(tmp_path, "b", 1)])
    assert [problem.prompt for problem in mixture.problems("train")] == ["A {question}", None]


def test_equal_ids_are_told_apart_and_each_source_judges_its_own():
    two, three = DigitsSource(num_digits=2, train=3), DigitsSource(num_digits=3, train=5)
    mixture = MixtureSource([two, three])
    problems = mixture.problems("train")
    assert [problem.id for problem in problems][:4] == [*(f"digits-train-{i}" for i in range(3)), "1:digits-train-0"]
    for problem, own, original in [
        (problems[0], two, two.problems("train")[0]),
        (problems[3], three, three.problems("train")[0]),
        (problems[7], three, three.problems("train")[4]),  # an id that the first source would know, too, were it longer
    ]:
        steps = [f"The first digit is {digit}." for digit in range(10)]
        assert mixture.judge_steps(problem, steps) == own.judge_steps(original, steps)


@pytest.mark.parametrize("weights", [[], [1.0], [1.0, -1.0], [1.0, float("nan")]])
def test_weights_that_do_not_fit(weights: list[float]):
    with pytest.raises(ValueError, match=r"MixtureSource has 2 sources and weights"):
        MixtureSource([DigitsSource(), DigitsSource()], weights=weights)
