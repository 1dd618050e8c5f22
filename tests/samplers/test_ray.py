"""Engines in actors of a real cluster: the same responses as from one process, whoever dies, leaves or comes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import RaySampler, TransformersSampler
from support.clusters import NotingSampler, cluster, noted, processes, ray_policy
from support.engines import VARIED, shake, tokens

pytestmark = pytest.mark.slow
DRAWN = {"n": 3, "temperature": 1.0, "max_tokens": 12}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    with cluster(3) as made:
        yield made


@pytest.fixture(scope="module")
def expected() -> list[list[list[int]]]:
    """What one process says."""
    engine = TransformersSampler()
    engine.load_policy(ray_policy())
    return tokens(engine, VARIED, **DRAWN)


@pytest.fixture
def made(nodes: Any, tmp_path: Path) -> Iterator[Any]:
    samplers: list[RaySampler] = []

    def make(engine: Any = None, **options: Any) -> RaySampler:
        engine = engine or NotingSampler(str(tmp_path))
        samplers.append(
            RaySampler(engine, **{"address": nodes.address, "replicas": 3, "at_once": 4, "patience": 60.0} | options)
        )
        return samplers[-1]

    yield make
    for sampler in samplers:
        sampler.close()


def drawn(sampler: RaySampler, found: dict[int, Any]) -> list[list[list[int]]]:
    return [[response.token_ids for response in found[place].responses] for place in range(len(VARIED))]


def test_three_nodes_say_what_one_process_says_and_follow_its_weights(made: Any, expected: Any, tmp_path: Path):
    sampler, policy = made(), ray_policy()
    sampler.load_policy(policy)
    assert tokens(sampler, VARIED, **DRAWN) == expected
    assert len(processes(tmp_path)) == 3
    assert noted(tmp_path, "given") == {problem.id: 1 for problem in VARIED}
    shake(policy, 5)
    one = TransformersSampler()
    one.load_policy(policy)
    sampler.load_policy(policy)
    assert (after := tokens(sampler, VARIED, **DRAWN)) == tokens(one, VARIED, **DRAWN)
    assert after != expected
    metrics = sampler.metrics()
    assert {name: metrics[name] for name in ("replicas", "deaths", "set_aside")} == {
        "replicas": 3,
        "deaths": 0,
        "set_aside": 0,
    }
    prefixes = ["1"] * len(VARIED)
    assert tokens(sampler, VARIED, prefixes, **DRAWN) == tokens(one, VARIED, prefixes, **DRAWN)


def test_a_killed_actor_costs_what_it_had_not_finished(made: Any, expected: Any, tmp_path: Path):
    sampler = made()
    sampler.load_policy(ray_policy())
    found: dict[int, Any] = {}
    before: set[str] = set()
    for place, rollout in sampler.sample(VARIED, SamplingParams(**DRAWN)):
        assert place not in found
        found[place] = rollout
        if len(found) == 12:
            before = {VARIED[i].id for i in found}
            os.kill(processes(tmp_path)[0], signal.SIGKILL)
    assert drawn(sampler, found) == expected
    given = noted(tmp_path, "given")
    assert all(given[problem] == 1 for problem in before)
    assert sum(given.values()) - len(VARIED) <= 2 * 4  # no more than two pieces were lost
    assert sampler.metrics()["deaths"] == 1


def test_a_node_that_leaves_costs_nothing_else_and_one_that_joins_takes_part(
    nodes: Any, made: Any, expected: Any, tmp_path: Path
):
    extra = nodes.add_node(num_cpus=1)
    sampler = made(replicas=5)  # one more than there is room for
    sampler.load_policy(ray_policy())
    found: dict[int, Any] = {}
    for place, rollout in sampler.sample(VARIED * 4, SamplingParams(**DRAWN)):
        found[place] = rollout
        if len(found) == 24:
            nodes.remove_node(extra)
            nodes.add_node(num_cpus=2)
    several = {place % len(VARIED): rollout for place, rollout in found.items()}
    assert drawn(sampler, several) == expected
    assert sorted(found) == list(range(4 * len(VARIED)))


def test_a_problem_that_ends_processes_is_set_aside_and_the_others_are_answered(made: Any, expected: Any, tmp_path):
    sampler = made(NotingSampler(str(tmp_path), fatal=["v9"]), tries=2)
    sampler.load_policy(ray_policy())
    with pytest.warns(UserWarning, match="1 of 64 problems were set aside .*: v9. Of the first, 2 processes ended"):
        found = dict(sampler.sample(VARIED, SamplingParams(**DRAWN)))
    assert [(r.text, r.finish_reason) for r in found.pop(9).responses] == [("", "length")] * 3
    assert [[r.token_ids for r in found[i].responses] for i in sorted(found)] == expected[:9] + expected[10:]
    assert sampler.metrics()["set_aside"] == 1
