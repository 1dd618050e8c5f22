"""What was always or never solved is left out, until it is tried again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lit_mstar import Iteration, Response, Rollout
from lit_mstar.callbacks import DifficultyBand
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import ListSource, ScriptedSampler, make_evolver, make_policy, right, sums, wrong

PROBLEMS = sums(4)


def write(ledger: Ledger, index: int, right_ones: list[int], of: int = 4, unknown: int = 0) -> None:
    """An iteration in which problem i has `right_ones[i]` of `of` responses right."""
    iteration = Iteration(index=index, problems=PROBLEMS, sampling=SamplingParams(n=of))
    ledger.begin(iteration, "f")
    for problem, count in zip(PROBLEMS, right_ones, strict=True):
        responses = [Response(text="x", correct=i < count) for i in range(of)]
        responses += [Response(text="x", correct=None)] * unknown
        ledger.append(index, [Rollout(problem=problem, responses=responses)])


def asked(band: DifficultyBand, ledger: Ledger, index: int) -> tuple[list[str], dict[str, float]]:
    iteration = Iteration(index=index, problems=list(PROBLEMS), sampling=SamplingParams())
    trainer: Any = SimpleNamespace(datamodule=SimpleNamespace(ledger=ledger))
    band.on_sampling_start(trainer, None, iteration)  # type: ignore[arg-type]
    return [problem.id for problem in iteration.problems], iteration.metrics


def test_what_is_always_or_never_solved_is_left_out(tmp_path: Path):
    ledger = Ledger(tmp_path)
    write(ledger, 0, [0, 1, 3, 4], unknown=2)
    kept, metrics = asked(DifficultyBand(), ledger, 1)
    assert kept == ["p1", "p2"]
    assert metrics == {"band/easy": 1.0, "band/hard": 1.0}
    assert asked(DifficultyBand(low=0.3, high=0.9), ledger, 1)[0] == ["p2"]


def test_the_latest_iterations_count(tmp_path: Path):
    ledger = Ledger(tmp_path)
    write(ledger, 0, [4, 4, 0, 0])
    write(ledger, 1, [4, 0, 0, 4])
    write(ledger, 2, [4, 0, 1, 4])
    assert asked(DifficultyBand(window=1), ledger, 3)[0] == ["p2"]
    assert asked(DifficultyBand(window=3), ledger, 3)[0] == ["p1", "p2", "p3"]
    assert asked(DifficultyBand(), ledger, 0)[0] == ["p0", "p1", "p2", "p3"]  # nothing is known before the first


def test_what_was_left_out_is_tried_again(tmp_path: Path):
    ledger = Ledger(tmp_path)
    write(ledger, 0, [0, 1, 1, 1])
    band = DifficultyBand(again=3)
    assert [("p0" in asked(band, ledger, index)[0]) for index in (1, 2, 3)] == [False, False, True]
    assert "p0" not in asked(DifficultyBand(again=None), ledger, 50)[0]


def test_nobody_left_is_everybody(tmp_path: Path):
    ledger = Ledger(tmp_path)
    write(ledger, 0, [0, 0, 4, 4])
    with pytest.warns(UserWarning, match="would leave out all 4 problems of iteration 1"):
        assert len(asked(DifficultyBand(), ledger, 1)[0]) == 4


@pytest.mark.parametrize("options", [{"low": 0.9, "high": 0.1}, {"window": 0}, {"again": 0}, {"high": 1.5}])
def test_a_band_that_is_none(options: dict[str, float]):
    with pytest.raises(ValueError, match="DifficultyBand"):
        DifficultyBand(**options)  # type: ignore[arg-type]


def test_in_a_run_the_second_pass_asks_what_can_be_learned_from(tmp_path: Path):
    """p0 is always right, p1 never, p2 and p3 every second time."""

    def rule(problem: Any, index: int, sampling: Any) -> str:
        good = {"p0": True, "p1": False}.get(problem.id, index % 2 == 0)
        return right(problem, index) if good else wrong(problem, index)

    sampler = ScriptedSampler(rule)
    data = SelfEvolvingDataModule(
        ListSource(train=PROBLEMS), SamplingParams(n=2, max_tokens=4), interval=1.0, check_images=False
    )
    make_evolver(tmp_path, max_epochs=2, callbacks=[DifficultyBand()]).fit(make_policy(sampler), data)
    assert [sorted(ids) for ids, _ in sampler.calls] == [["p0", "p1", "p2", "p3"], ["p2", "p3"]]
    assert data.ledger.header(1)["metrics"]["band/easy"] == 1.0
