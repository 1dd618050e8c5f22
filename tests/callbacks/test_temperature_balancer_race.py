"""The balancer's race: a few problems for all temperatures, more for the better ones, none twice, on record as such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from lit_mstar import Problem
from lit_mstar.callbacks import TemperatureBalancer
from lit_mstar.rollouts.nouns import SamplingParams
from support.balancing import score_right
from support.scripted import ListSource, right, sums, wrong

GRID = [0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5]


def uneven(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """Of 40 validation problems, 32 are solved at 0.9 and one fewer per 0.1 from there, at every temperature others."""
    hard = (int(problem.id[1:]) * 7 + round(130 * sampling.temperature)) % 40
    solved = problem.id.startswith("p") or hard < 32 - 10 * abs(sampling.temperature - 0.9)
    return right(problem, index) if solved else wrong(problem, index)


def race(evolution: Any, callbacks: list[Any], **options: Any) -> None:
    source = ListSource(train=sums(8), validate=sums(40, "v"))
    evolution(uneven, [evolution.scoring(score_right), *callbacks], source=source, **options)


def asked(evolution: Any) -> list[tuple[float, str]]:
    """Which validation problems were sampled at which temperature, in order; greedy ones aside."""
    calls = [(s.temperature, ids) for ids, s in evolution.sampler.calls if s.temperature > 0]
    return [(temperature, problem) for temperature, ids in calls for problem in ids if problem.startswith("v")]


@pytest.mark.parametrize("by", ["reward_pass", "pass", "balance"])
def test_problems_are_shared_and_never_sampled_twice(evolution: Any, by: Any) -> None:
    balancer = TemperatureBalancer(1, GRID, by=by, search="race", first=8, worth=0.0)
    race(evolution, [balancer])
    pairs = asked(evolution)
    assert len(set(pairs)) == len(pairs)
    (choice,) = balancer.history
    by_temperature = [[problem for at, problem in pairs if at == temperature] for temperature in GRID]
    assert choice["problems"] == [len(problems) for problems in by_temperature]
    longest = max(by_temperature, key=len)
    assert all(set(problems) == set(longest[: len(problems)]) for problems in by_temperature)
    assert min(choice["problems"]) == 8
    assert max(choice["problems"]) > 8
    assert set(choice["close"]) <= {t for t, n in zip(GRID, choice["problems"], strict=True) if n == len(longest)}


def test_each_value_is_of_the_problems_that_were_sampled_for_it(
    evolution: Any, caplog: pytest.LogCaptureFixture
) -> None:
    balancer = TemperatureBalancer(1, GRID, search="race", first=8, worth=0.0)
    with caplog.at_level("INFO"):
        race(evolution, [balancer])
    (choice,) = balancer.history
    solved: dict[float, list[bool]] = {temperature: [] for temperature in GRID}
    for temperature, problem in asked(evolution):
        answered = uneven(Problem(id=problem, question="", answer="1"), 0, SamplingParams(temperature=temperature))
        solved[temperature].append(answered.endswith("1"))
    assert choice["values"] == pytest.approx([sum(found) / len(found) for found in solved.values()])
    metrics = evolution.metrics(0)
    assert [metrics[f"balance/problems/T={t:g}"] for t in GRID] == choice["problems"]
    assert f"0.3: {choice['values'][0]:.3f} (of 8)  0.5: " in caplog.text
    assert f"0.9: {choice['values'][3]:.3f}  1.1" in caplog.text
    assert caplog.text.count("(of 40 problems)") == 1


def test_the_seed_says_which_problems(evolution: Any) -> None:
    orders = []
    for folder in ("one", "again"):
        evolution.folder = evolution.folder.parent / folder
        race(evolution, [TemperatureBalancer(1, GRID, search="race", first=8)], max_epochs=2)
        pairs = asked(evolution)
        firsts = [i for i, pair in enumerate(pairs) if pair[0] == 0.3]
        orders.append([problem for _, problem in pairs])
        assert pairs[firsts[0]][1] != pairs[firsts[8]][1]  # the next iteration begins with others
    assert orders[0] == orders[1]


def test_a_resumed_run_races_as_the_whole_one(evolution: Any, tmp_path: Path) -> None:
    def callbacks() -> list[Any]:
        keeper = ModelCheckpoint(dirpath=tmp_path / "checkpoints", save_last=True)
        return [TemperatureBalancer(1, GRID, search="race", first=8, worth=0.0), keeper]

    evolution.folder = tmp_path / "whole"
    race(evolution, whole := callbacks(), max_epochs=2, enable_checkpointing=True)
    evolution.folder = tmp_path / "parts"
    race(evolution, first := callbacks(), max_epochs=1, enable_checkpointing=True)
    checkpoint = tmp_path / "checkpoints/last.ckpt"
    race(evolution, rest := callbacks(), max_epochs=2, enable_checkpointing=True, checkpoint=checkpoint)
    assert rest[0].history == whole[0].history
    assert rest[0].history[:1] == first[0].history


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"search": "luck"}, "search is 'luck'"), ({"first": 1}, "first is 1"), ({"worth": -0.1}, "worth is -0.1")],
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"TemperatureBalancer.*{message}"):
        TemperatureBalancer(**arguments)
