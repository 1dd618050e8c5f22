"""The simulation's arithmetic: what a cluster on a virtual clock says where the answer is known."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")


@pytest.fixture(scope="module")
def sim() -> Any:
    sys.path.insert(0, BENCHMARKS)
    try:
        model, simulation = import_module("engine_model"), import_module("crew_simulation")
    finally:
        sys.path.remove(BENCHMARKS)
    return SimpleNamespace(**vars(model) | vars(simulation))


@pytest.fixture
def items(sim: Any) -> list[list[int]]:
    return sim.drawn_lengths(160, 4, np.random.default_rng(0))[0]


def test_an_engine_shares_its_speed_and_no_response_is_faster_than_one_alone(sim: Any):
    decoded = sim.Engine(rate=10, alone=4, at_once=3).decode([[4, 8], [20]])
    # 3 at 10/3 each until 4 tokens, 2 at 4 each until 8, the last alone at 4.
    assert decoded.finished == pytest.approx([4 / (10 / 3) + 1, 4 / (10 / 3) + 1 + 3])
    assert decoded.tokens(decoded.seconds) == 32


def test_one_replica_takes_the_sum(sim: Any, items: list[list[int]]):
    engine = sim.Engine(rate=100, alone=100, at_once=1)
    found = sim.simulate(items, 1, sim.Weather(), engine=engine)
    assert found.makespan == pytest.approx(sum(map(sum, items)) / 100)
    assert (found.ratio, found.wasted, found.idle) == (pytest.approx(1), 0, pytest.approx(0))


def test_without_stragglers_the_last_ends_a_piece_after_the_ideal(sim: Any, items: list[list[int]]):
    engine = sim.Engine(rate=100, alone=100, at_once=1)
    found = sim.simulate(items, 8, sim.Weather(), engine=engine, at_once=16)
    assert found.ideal == pytest.approx(sum(map(sum, items)) / 800)
    assert found.ideal <= found.makespan <= found.ideal + found.longest


def test_deaths_cost_what_was_not_finished(sim: Any, items: list[list[int]]):
    weather = sim.Weather(leaves=1.0, away=1.0, start=1.0)
    found = sim.simulate(items, 4, weather, engine=sim.Engine(rate=1000, alone=100, at_once=8), at_once=8)
    assert 0 < found.wasted < 0.2
    assert found.makespan > found.ideal


def test_the_ideal_follows_who_is_there(sim: Any):
    there = [(0.0, 5.0, 10.0), (3.0, float("inf"), 10.0)]
    assert sim.ideal(100.0, there) == pytest.approx(8.0)  # 30 until 3, 40 until 5, 30 after
