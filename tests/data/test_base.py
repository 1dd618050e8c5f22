"""What a DataModule of problems checks and evaluates."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from lit_mstar import Problem
from lit_mstar.data import ProblemDataModule
from support.helpers import png
from support.scripted import ListSource, ScriptedSampler, make_policy, make_trainer, right, sums


@pytest.mark.parametrize(("split", "size"), [("validate", 2), ("test", 3), ("predict", 4)])
def test_each_problem_is_evaluated_once_in_order(tmp_path: Path, split: str, size: int) -> None:
    sampler = ScriptedSampler(lambda problem, index, sampling: right(problem))
    source = ListSource(validate=sums(5, "v"), test=sums(7, "t"), seed=sums(5, "s"))
    data = ProblemDataModule(source, eval_batch_size=size, predict_splits=["seed", "test"])
    getattr(make_trainer(tmp_path), split)(make_policy(sampler), datamodule=data)
    ids = {"validate": ["v"] * 5, "test": ["t"] * 7, "predict": ["s"] * 5 + ["t"] * 7}[split]
    count = Counter()
    expected = [f"{name}{count.update(name) or count[name] - 1}" for name in ids]
    assert [name for call, _ in sampler.calls for name in call] == expected
    assert max(len(call) for call, _ in sampler.calls) == size


@pytest.mark.parametrize(
    ("run", "what"),
    [
        ("validate", "'validate' problems with answers"),
        ("test", "'test' problems with answers"),
        ("predict", "'test' problems"),
    ],
)
def test_a_missing_split_is_named(tmp_path: Path, run: str, what: str) -> None:
    data = ProblemDataModule(ListSource(train=sums(2)))
    with pytest.raises(ValueError, match=f"ListSource has no {what}; give it some"):
        getattr(make_trainer(tmp_path), run)(make_policy(), datamodule=data)


@pytest.mark.parametrize("split", ["validate", "test"])
def test_only_answered_problems_are_measured(tmp_path: Path, split: str) -> None:
    sampler = ScriptedSampler(lambda problem, index, sampling: right(problem))
    unanswered = [replace(problem, answer=None) for problem in sums(3, "w")]
    data = ProblemDataModule(ListSource(**{split: [*unanswered, *sums(2, "v")]}))
    with pytest.warns(UserWarning, match=f"3 of 5 '{split}' problems have no answer and are not measured; give them"):
        (metrics,) = getattr(make_trainer(tmp_path), split)(make_policy(sampler), datamodule=data)
    assert list(metrics.values()) == [1.0]
    assert sorted(sampler.finished) == ["v0", "v1"]
    data = ProblemDataModule(ListSource(**{split: unanswered}))
    with pytest.raises(ValueError, match=f"ListSource has no '{split}' problems with answers; give it some"):
        getattr(make_trainer(tmp_path), split)(make_policy(), datamodule=data)


def test_a_source_is_read_once() -> None:
    class Counting(ListSource):
        count = 0

        def problems(self, split):
            self.count += 1
            return super().problems(split)

    data = ProblemDataModule(Counting(train=sums(2)))
    assert data.problems("train") is data.problems("train") is data.require("train")
    assert data.source.count == 1


@pytest.mark.parametrize(
    ("image", "message"),
    [("nowhere.png", "nowhere.png does not exist"), (b"GIF?", "not a readable image"), (png()[:20], "not a readable")],
)
def test_bad_images_are_found_in_setup(image: str | bytes, message: str) -> None:
    problem = Problem(id="bad", question="?", images=(png(), image), answer="1")
    data = ProblemDataModule(ListSource(validate=[*sums(2), problem]))
    with pytest.raises(ValueError, match=message):
        data.setup("fit")


def test_a_limit_is_an_even_choice_that_stays(tmp_path: Path) -> None:
    sampler = ScriptedSampler(lambda problem, index, sampling: right(problem))
    for _ in range(2):
        data = ProblemDataModule(ListSource(test=sums(40)), predict_splits=["test"], limit=10)
        make_trainer(tmp_path).predict(make_policy(sampler), datamodule=data)
    asked = [name for call, _ in sampler.calls for name in call]
    assert asked[:10] == asked[10:]
    assert asked[:10] == sorted(asked[:10], key=lambda name: int(name[1:]))
    assert len(set(asked)) == 10
    assert asked[:10] != [f"p{i}" for i in range(10)]
    with pytest.raises(ValueError, match="limit is 0; it must be at least 1"):
        ProblemDataModule(ListSource(), limit=0)
