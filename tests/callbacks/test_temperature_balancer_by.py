"""The other criteria: B-STaR's balance score with its threshold, and Pass@K."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow.parquet as pq
import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from lit_mstar import EvolutionCallback, Iteration, Problem
from lit_mstar.callbacks import TemperatureBalancer
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import SamplingParams
from support.balancing import GRID, measured, peaked, score_right, solved, trained
from support.scripted import ListSource, right, sums, wrong

BY_SCORE = {"0": 0.05, "1": 0.25, "2": 0.45, "3": 0.65, "4": 0.85, "5": 0.85}
THRESHOLDS = [0.0, 0.2, 0.4, 0.6, 0.8]


def score_by_index(problem: Problem, response: Any) -> float:
    return BY_SCORE[response.text.split("Take ")[1][0]]


def uneven(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """More distinct texts and more mistakes at higher temperatures; low scores are wrong more often."""
    number, heat = int(problem.id[1:]), round(sampling.temperature * 10)
    text = index if heat > 5 else min(index, 3)  # at low temperatures the last responses repeat another
    good = (number * 7 + text * 5 + heat) % 6 < text + 2 - heat // 6
    return right(problem, text) if good else wrong(problem, text)


def surface(wanted: int, grid: list[float]) -> dict[tuple[float, float], float]:
    """The balance score of every temperature and threshold, by the formula."""
    found = {}
    for temperature in grid:
        for threshold in THRESHOLDS:
            values = []
            for problem in sums(4, "v"):
                texts = dict.fromkeys(uneven(problem, i, SamplingParams(temperature=temperature)) for i in range(6))
                kept = [t for t in texts if BY_SCORE[t.split("Take ")[1][0]] > threshold]
                good = sum(t.endswith(f"Answer: {problem.answer}") for t in kept)
                values.append(min(good / wanted, 1) * good / len(kept) if kept else 0.0)
            found[temperature, threshold] = fmean(values)
    return found


@pytest.mark.parametrize("wanted", [1, 2, 3, 8])
def test_balance_takes_the_temperature_and_threshold_of_the_highest_score(evolution: Any, wanted: int) -> None:
    balancer = TemperatureBalancer(1, [1.5, 0.4, 0.8], by="balance", wanted=wanted, thresholds=THRESHOLDS[::-1])
    evolution(uneven, [evolution.scoring(score_by_index), balancer], n=6)
    expected = surface(wanted, grid := [0.4, 0.8, 1.5])
    assert len(set(expected.values())) > 5
    best = min(expected, key=lambda at: (-round(expected[at], 12), round(abs(at[0] - 1.0), 12), *at))
    assert (balancer.temperature, balancer.threshold) == best
    (choice,) = balancer.history
    assert choice["values"] == pytest.approx([max(expected[t, s] for s in THRESHOLDS) for t in grid])
    assert choice["thresholds"][grid.index(best[0])] == choice["threshold"] == best[1]
    assert len(measured(evolution)) == 3  # one sampling per temperature serves all thresholds
    metrics = evolution.metrics(0)
    assert metrics["balance/balance_score/T=0.8"] == pytest.approx(choice["values"][1])
    assert metrics["balance/threshold/T=0.8"] == choice["thresholds"][1]
    assert (metrics["next_temperature"], metrics["next_threshold"]) == best


def test_the_nearest_temperature_and_the_lowest_threshold_win_a_tie(evolution: Any) -> None:
    balancer = TemperatureBalancer(1, [0.9, 0.4], by="balance", wanted=2, thresholds=[0.5, 0.3, 0.9])
    evolution(lambda p, i, s: right(p, i), [evolution.scoring(score_right), balancer])
    assert (balancer.temperature, balancer.threshold) == (0.9, 0.3)
    assert balancer.history[0]["thresholds"] == [0.3, 0.3]


def kept(evolution: Any, index: int) -> list[list[str]]:
    """The texts selected in an iteration, by problem, as the ledger has them."""
    rows = pq.read_table(evolution.folder / f"rollouts/iteration={index:04d}/rollouts.parquet").to_pylist()
    found: dict[str, list[str]] = {row["problem_id"]: [] for row in rows}
    for row in rows:
        if row["selected"]:
            found[row["problem_id"]].append(row["text"])
    return list(found.values())


def half_scored(problem: Problem, response: Any) -> float:
    """The right responses 0 to 5 score 0.05, 0.25, …; what is wrong scores 0.4."""
    return score_by_index(problem, response) if response.correct else 0.4


def mostly_right(problem: Problem, index: int, sampling: SamplingParams) -> str:
    return right(problem, index) if index else wrong(problem, index)


def test_what_scores_too_low_is_dropped_after_the_choice(evolution: Any, tmp_path: Path) -> None:
    def callbacks() -> list[Any]:
        keeper = ModelCheckpoint(dirpath=tmp_path / "checkpoints", save_last=True)
        balancer = TemperatureBalancer(1, [0.7], by="balance", wanted=1, thresholds=[0.0, 0.45])
        return [evolution.scoring(half_scored), balancer, keeper]

    # Responses 1 to 5 are right; those above 0.45 are 3, 4, 5, and none of them is wrong.
    evolution(mostly_right, first := callbacks(), n=6, max_epochs=2, enable_checkpointing=True)
    assert first[1].threshold == 0.45
    assert {len(texts) for texts in kept(evolution, 0)} == {5}
    for texts in kept(evolution, 1):
        assert [text.split("Take ")[1][0] for text in texts] == ["3", "4", "5"]
    checkpoint = tmp_path / "checkpoints/last.ckpt"
    resumed = callbacks()
    evolution(mostly_right, resumed, n=6, max_epochs=3, enable_checkpointing=True, checkpoint=checkpoint)
    assert {len(texts) for texts in kept(evolution, 2)} == {3}
    assert resumed[1].history[:2] == first[1].history
    assert [choice["threshold"] for choice in resumed[1].history] == [0.45] * 3


def test_measuring_and_other_criteria_drop_nothing(evolution: Any) -> None:
    seen: list[int] = []

    class Counting(EvolutionCallback):
        def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            if iteration.split == "validate":
                seen.extend(len(rollout.selected) for rollout in iteration.rollouts)

    balancer = TemperatureBalancer(1, [0.7], by="balance", wanted=1, thresholds=[0.45])
    evolution(mostly_right, [evolution.scoring(half_scored), balancer, Counting()], n=6, max_epochs=2)
    assert seen == [5] * 8
    evolution.folder = evolution.folder / "reward pass"
    evolution.ledger = Ledger(evolution.folder / "rollouts")
    evolution(mostly_right, [evolution.scoring(half_scored), TemperatureBalancer(1, [0.7])], n=6, max_epochs=2)
    assert {len(texts) for texts in kept(evolution, 1)} == {5}


def test_a_threshold_without_scores_is_an_error(evolution: Any) -> None:
    balancer = TemperatureBalancer(1, [0.7], by="balance", wanted=1, thresholds=[0.45])
    with pytest.raises(ValueError, match="place it after the callback that scores"):
        evolution(mostly_right, [balancer, evolution.scoring(half_scored)], n=6, max_epochs=2)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_pass_needs_no_scores(evolution: Any, k: int) -> None:
    balancer = TemperatureBalancer(1, GRID, k=k, by="pass")
    evolution(peaked(0.7), [balancer], max_epochs=2)
    chance = 1 - math.comb(3, k) / math.comb(4, k)
    expected = [fmean(chance * solved(problem, t, 0.7) for problem in sums(4, "v")) for t in GRID]
    assert balancer.history[0]["values"] == pytest.approx(expected)
    assert trained(evolution) == [1.0, 0.7]
    assert evolution.metrics(0)[f"balance/pass_at_{k}/T=0.7"] == pytest.approx(chance)
    assert "threshold" not in balancer.history[0]


def test_problems_without_answers_do_not_count(evolution: Any) -> None:
    unlabeled = [replace(problem, answer=None) for problem in sums(3, "w")]
    source = ListSource(train=sums(8), validate=[*sums(4, "v"), *unlabeled])
    balancer = TemperatureBalancer(1, GRID)
    evolution(peaked(1.1), [evolution.scoring(score_right), balancer], source=source)
    assert balancer.history[0]["values"] == [0.5, 0.75, 1.0, 0.75]
    evolution.folder = evolution.folder / "no answers"
    with pytest.raises(ValueError, match="'validate' problems with answers"):
        evolution(
            peaked(1.1),
            [evolution.scoring(score_right), TemperatureBalancer(1, GRID)],
            source=ListSource(train=sums(8), validate=unlabeled),
        )
