"""The balancer finds the temperature where its measure is highest, when it should, and remembers it."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_mstar import Problem
from lit_mstar.callbacks import TemperatureBalancer, temperature_balancer
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.scorers import StepScorer
from support.balancing import GRID, measured, peaked, score_right, solved, trained
from support.scripted import ListSource, right, sums, wrong


@pytest.mark.parametrize("peak", GRID)
def test_chooses_the_peak(evolution: Any, peak: float) -> None:
    balancer = TemperatureBalancer(every=1, grid=GRID)
    evolution(peaked(peak), [evolution.scoring(score_right), balancer], max_epochs=2)
    assert balancer.temperature == peak
    assert trained(evolution) == [1.0, peak]
    assert measured(evolution) == GRID * 2


def test_curve_and_errors_are_those_of_the_problems(evolution: Any) -> None:
    balancer = TemperatureBalancer(every=1, grid=GRID)
    evolution(peaked(1.1), [evolution.scoring(score_right), balancer])
    expected = [[float(solved(problem, t, 1.1)) for problem in sums(4, "v")] for t in GRID]
    (choice,) = balancer.history
    assert choice["iteration"] == 0
    assert choice["values"] == pytest.approx([fmean(row) for row in expected])
    assert choice["standard_error"] == pytest.approx([stdev(row) / math.sqrt(4) for row in expected])
    assert choice["values"] == [0.5, 0.75, 1.0, 0.75]


def test_the_measure_is_reward_pass_at_k(evolution: Any) -> None:
    """Right responses rank third: no K below 3 sees them."""
    for k, value in ((1, 0.0), (2, 0.0), (3, 1.0)):
        balancer = TemperatureBalancer(every=1, grid=[0.5], k=k)
        evolution.folder = evolution.folder / str(k)
        scoring = evolution.scoring(lambda p, r: 0.5 if r.correct else {"0": 0.8, "1": 0.7}.get(r.steps[0][-2], 0.1))
        evolution(peaked(0.5), [scoring, balancer])
        assert balancer.history[0]["values"] == [value]


@pytest.mark.parametrize(("start", "chosen"), [(0.1, 0.4), (0.6, 0.4), (0.7, 0.8), (1.0, 0.8), (1.3, 1.2), (0.8, 0.8)])
def test_the_nearest_temperature_wins_a_tie(evolution: Any, start: float, chosen: float) -> None:
    balancer = TemperatureBalancer(every=1, grid=[0.4, 0.8, 1.2])
    evolution(lambda p, i, s: right(p, i), [evolution.scoring(score_right), balancer], temperature=start)
    assert balancer.temperature == chosen
    assert balancer.history[0]["why"] == "the nearest of 3 equals"
    assert balancer.history[0]["close"] == [0.4, 0.8, 1.2]


def one_more(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """One problem more is solved at 0.9 than at 0.5, and all at 1.3."""
    solved_at = {0.5: 2, 0.9: 3, 1.3: 8}.get(sampling.temperature, 1)
    return right(problem, index) if int(problem.id[1:]) < solved_at else wrong(problem, index)


@pytest.mark.parametrize(
    ("rule", "grid", "chosen", "why"),
    [
        # One of eight problems: a difference of 0.125 with a standard error of 0.125.
        ("significant", [0.5, 0.9], 0.5, "none is better beyond the error"),
        ("argmax", [0.5, 0.9], 0.9, "the highest"),
        # Six of eight: 0.75 with a standard error of 0.164.
        ("significant", [0.5, 1.3], 1.3, "better beyond the error"),
        ("argmax", [0.5, 1.3], 1.3, "the highest"),
        ("significant", [0.5], 0.5, "the highest"),
    ],
)
def test_the_significant_rule_keeps_what_cannot_be_told_apart(
    evolution: Any, rule: Any, grid: list[float], chosen: float, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = ListSource(train=sums(8), validate=sums(8, "v"))
    balancer = TemperatureBalancer(every=1, grid=grid, rule=rule)
    with caplog.at_level("INFO"):
        evolution(one_more, [evolution.scoring(score_right), balancer], source=source, temperature=0.5)
    assert (balancer.temperature, balancer.history[0]["why"]) == (chosen, why)
    assert f"temperature 0.5 -> {chosen} by {rule} Reward-Pass@2 ({why}; within one standard error" in caplog.text


@pytest.mark.parametrize(("every", "chosen"), [(1, [0, 1, 2, 3, 4]), (2, [1, 3]), (3, [2]), (6, [])])
def test_chooses_every_so_many_iterations(evolution: Any, every: int, chosen: list[int]) -> None:
    balancer = TemperatureBalancer(every=every, grid=[0.3, 0.7])
    evolution(peaked(0.7), [evolution.scoring(score_right), balancer], max_epochs=5)
    assert [choice["iteration"] for choice in balancer.history] == chosen
    first = chosen[0] if chosen else 5
    assert trained(evolution) == [1.0 if index <= first else 0.7 for index in range(5)]
    assert len(measured(evolution)) == 2 * len(chosen)


def test_measures_with_the_training_s_numbers(evolution: Any) -> None:
    evolution(peaked(0.7), [evolution.scoring(score_right), TemperatureBalancer(every=1, grid=GRID)], n=5)
    training, *curve = [s for ids, s in evolution.sampler.calls if s.temperature > 0]
    assert {(s.n, s.seed, s.max_tokens) for s in curve} == {(5, training.seed, training.max_tokens)}
    assert len(curve) == len(GRID)


def test_n_is_the_number_of_responses_measured(evolution: Any) -> None:
    balancer = TemperatureBalancer(every=1, grid=GRID, n=3)
    evolution(peaked(0.7), [evolution.scoring(score_right), balancer], n=5)
    assert [s.n for _, s in evolution.sampler.calls if s.temperature > 0] == [5, 3, 3, 3, 3]


def test_the_curve_is_logged(evolution: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = TensorBoardLogger(tmp_path, name="", version="")
    with caplog.at_level("INFO"):
        callbacks = [evolution.scoring(score_right), TemperatureBalancer(grid=GRID)]
        evolution(peaked(1.1), callbacks, max_epochs=2, logger=logger)
    logger.finalize("success")
    curve = {0.3: 0.5, 0.7: 0.75, 1.1: 1.0, 1.5: 0.75}
    expected = {f"balance/reward_pass_at_2/T={t:g}": value for t, value in curve.items()} | {"next_temperature": 1.1}
    metrics = evolution.metrics(1)
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    assert metrics["balance/standard_error/T=0.3"] == pytest.approx(stdev([1, 1, 0, 0]) / 2)
    assert evolution.metrics(0) == {}
    events = EventAccumulator(str(tmp_path)).Reload()
    chosen = events.Scalars("temperature/next_temperature")
    assert [(event.step, event.value) for event in chosen] == [(1, pytest.approx(1.1))]
    assert [event.step for event in events.Images("temperature/search")] == [1]
    assert not [name for name in events.Tags()["scalars"] if "T=" in name]  # the curve is one figure
    # At 1.1, 0.7 and 1.5 all are solved but one: the difference is its own standard error.
    expected_line = (
        "temperature 1 -> 1.1 by argmax Reward-Pass@2 (the highest; within one standard error of the highest: 0.7"
    )
    assert f"{expected_line}, 1.1, 1.5). 0.3: 0.500  0.7: 0.750" in caplog.text
    assert metrics["balance/close"] == 3


def test_survives_a_checkpoint(evolution: Any, tmp_path: Path) -> None:
    def callbacks() -> list[Any]:
        keeper = ModelCheckpoint(dirpath=tmp_path / "checkpoints", save_last=True)
        return [evolution.scoring(score_right), TemperatureBalancer(grid=[0.3, 0.7, 1.5]), keeper]

    first, second = callbacks(), callbacks()
    evolution(peaked(0.7), first, max_epochs=2, enable_checkpointing=True)
    checkpoint = tmp_path / "checkpoints/last.ckpt"
    evolution(peaked(1.5), second, max_epochs=5, enable_checkpointing=True, checkpoint=checkpoint)
    assert trained(evolution) == [0.7, 0.7, 1.5]
    assert second[1].history[:1] == first[1].history
    assert [choice["temperature"] for choice in second[1].history] == [0.7, 1.5]


def test_unscored_responses_are_an_error(evolution: Any) -> None:
    with pytest.raises(ValueError, match="TemperatureBalancer needs scored responses; add the PRMFilter"):
        evolution(peaked(0.7), [TemperatureBalancer(every=1)])


def test_no_validation_problems_are_an_error(evolution: Any) -> None:
    callbacks = [evolution.scoring(score_right), TemperatureBalancer(every=1, grid=GRID)]
    with pytest.raises(ValueError, match="'validate' problems"):
        evolution(peaked(0.7), callbacks, source=ListSource(train=sums(8)))


def test_the_default_grid_is_the_paper_s() -> None:
    expected = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6]
    assert list(temperature_balancer.GRID) == TemperatureBalancer().grid == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "every is 0"),
        ({"k": 0}, "k is 0"),
        ({"wanted": 0}, "wanted is 0"),
        ({"by": "luck"}, "by is 'luck'"),
        ({"rule": "luck"}, "rule is 'luck'"),
        ({"by": "balance", "thresholds": []}, "thresholds is empty"),
        ({"grid": []}, r"grid is \[\]"),
        ({"grid": [0.5, 0.0]}, r"grid is \[0.5, 0.0\].*above 0"),
        ({"grid": [-1.0]}, "above 0"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"TemperatureBalancer.*{message}"):
        TemperatureBalancer(**arguments)


def test_more_places_than_responses_are_an_error(evolution: Any) -> None:
    callbacks = [evolution.scoring(score_right), TemperatureBalancer(every=1, grid=GRID, k=3)]
    with pytest.raises(ValueError, match="k is 3; with 2 responses"):
        evolution(peaked(0.7), callbacks, n=2)


def test_a_scorer_of_its_own_ranks_for_it(evolution: Any) -> None:
    class Rightly(StepScorer):
        """Knows what wrong responses say."""

        def score(self, rollouts: Any) -> Any:
            return [[[0.1 if r.text.endswith("none") else 0.9] * len(r.steps) for r in x.responses] for x in rollouts]

    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        return f"Step 1: go.\n{peaked(0.7)(problem, index, sampling)}"

    chosen = []
    for options, others in (({"scorer": Rightly()}, []), ({}, [evolution.scoring(score_right)])):
        balancer = TemperatureBalancer(every=1, grid=GRID, **options)
        evolution(rule, [*others, balancer])
        chosen.append((balancer.temperature, balancer.history[0]["values"]))
        evolution.folder = evolution.folder / "again"
    assert chosen[0] == chosen[1]
    assert chosen[0][0] == 0.7
