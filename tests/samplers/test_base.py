from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pytest
from scipy.stats import kstest

from lit_mstar import Problem, Rollout
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Policy, Sampler
from lit_mstar.samplers.base import response_stream


def problem(id: str) -> Problem:
    return Problem(id=id, question="?")


def test_a_stream_depends_on_nothing_but_its_four_names():
    first = response_stream(3, problem("a"), "Step 1", 2).random(5)
    np.random.seed(7)
    response_stream(3, problem("b"), "", 0).random(9)
    other = Problem(id="a", question="another question", answer="7")
    assert np.array_equal(first, response_stream(3, other, "Step 1", 2).random(5))


def test_each_name_gives_another_stream():
    names = list(product((0, 1, 10), ("a", "b", "1"), ("", "x", "0"), (0, 1, 10)))
    streams = [response_stream(seed, problem(id), prefix, i).random(2).tolist() for seed, id, prefix, i in names]
    assert len({tuple(stream) for stream in streams}) == len(names)


def test_first_numbers_of_many_streams_are_uniform_and_uncorrelated():
    table = np.array([response_stream(0, problem(str(p)), "", i).random(2) for p in range(100) for i in range(20)])
    assert kstest(table[:, 0], "uniform").pvalue > 1e-3
    assert kstest(table[:, 1], "uniform").pvalue > 1e-3
    bound = 3.3 / np.sqrt(len(table))  # 99.9 %
    assert abs(np.corrcoef(table[:, 0], table[:, 1])[0, 1]) < bound
    neighbours = table[:, 0].reshape(100, 20)
    assert abs(np.corrcoef(neighbours[:, :-1].ravel(), neighbours[:, 1:].ravel())[0, 1]) < bound


def test_an_engine_must_load_and_sample():
    class Half(Sampler):
        def load_policy(self, policy: Policy) -> None: ...

    with pytest.raises(TypeError, match="sample"):
        Half()  # type: ignore[abstract]


def test_an_engine_without_resources_closes():
    class Empty(Sampler):
        def load_policy(self, policy: Policy) -> None: ...

        def sample(
            self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
        ) -> Iterator[tuple[int, Rollout]]:
            return iter(())

    engine = Empty()
    engine.close()
    assert list(engine.sample([], SamplingParams())) == []
