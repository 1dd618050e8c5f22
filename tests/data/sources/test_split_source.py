"""One split divided: everything once, copies together, the same elsewhere and later."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lit_mstar import Problem
from lit_mstar.data import DigitsSource, SplitSource
from support.scripted import ListSource, sums

SPLITS = ("train", "unlabeled", "validate", "test")


def divided(folder: Path, problems: list[Problem], name: str = "division.json", **options: Any) -> dict[str, set[str]]:
    source = SplitSource(ListSource(train=problems), folder / name, **({"test": 5, "validate": 4} | options))
    return {split: {p.id for p in source.problems(split)} for split in SPLITS}  # type: ignore[arg-type]


def test_every_problem_once(tmp_path: Path):
    found = divided(tmp_path, sums(40), unlabeled=0.5)
    assert {split: len(ids) for split, ids in found.items() if split in ("test", "validate")} == {
        "test": 5,
        "validate": 4,
    }
    assert sorted(x for ids in found.values() for x in ids) == sorted(p.id for p in sums(40))
    assert 5 <= len(found["unlabeled"]) <= 26  # 31 coins: within 3.8 standard deviations


def test_the_same_in_another_order_and_as_it_grows(tmp_path: Path):
    found = divided(tmp_path, sums(40))
    assert divided(tmp_path, sums(40)[::-1], "other.json") == found
    grown = divided(tmp_path, sums(60))
    assert (grown["test"], grown["validate"]) == (found["test"], found["validate"])
    assert divided(tmp_path, sums(40), "seeded.json", seed=1)["test"] != found["test"]


def test_copies_with_other_ids_stay_together(tmp_path: Path):
    copies = [replace(problem, id=f"copy-{problem.id}") for problem in sums(40)]
    found = divided(tmp_path, [*sums(40), *copies], test=8)
    for ids in found.values():
        assert {x.removeprefix("copy-") for x in ids} == {x for x in ids if not x.startswith("copy-")}


def test_what_the_source_has_already_stays(tmp_path: Path):
    inner = ListSource(train=sums(20), test=sums(3, "t"), seed=[])
    source = SplitSource(inner, tmp_path / "division.json", test=0, validate=4)
    assert [p.id for p in source.problems("test")] == ["t0", "t1", "t2"]
    assert len(source.problems("train")) == 16
    assert source.problems("seed") == []


def test_seed_are_those_with_reasoning(tmp_path: Path):
    with_reasoning = [replace(p, reasoning="Answer: 1") if i % 2 else p for i, p in enumerate(sums(40))]
    source = SplitSource(ListSource(train=with_reasoning), tmp_path / "division.json")
    train = {p.id for p in source.problems("train")}
    assert {p.id for p in source.problems("seed")} == {f"p{i}" for i in range(1, 40, 2)} & train


def test_the_divided_source_judges(tmp_path: Path):
    inner = DigitsSource(train=20)
    source = SplitSource(inner, tmp_path / "division.json")
    problem = source.problems("train")[0]
    steps = [f"The first digit is {digit}." for digit in range(10)]
    assert source.judge_steps(problem, steps) == inner.judge_steps(problem, steps)


@pytest.mark.parametrize("text", ["{}", "[]", "broken", json.dumps({"asked": {}, "test": 3, "validate": []})])
def test_a_damaged_division_is_said(tmp_path: Path, text: str):
    (tmp_path / "division.json").write_text(text)
    with pytest.raises(ValueError, match=r"division.json (is no division|divides by)"):
        divided(tmp_path, sums(20))
