"""The embedded engine's policies for tests: one that is far from uniform, one that knows its lessons by heart."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lit_mstar import Problem, Response
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler
from support.helpers import make_tiny_backbone, png

SMALL, WIDE, TALL = png(8, 8), png(48, 16, (0, 90, 200)), png(16, 40, (30, 200, 10))
MIXED = [
    Problem(id="a", question="What is 3 + 4?"),
    Problem(id="b", question="What is the sum of the two digits?", images=(WIDE,)),
    Problem(id="c", question="What is 5 + 1?"),
    Problem(id="d", question="Which of these?", choices=("three", "four"), images=(TALL, SMALL)),
    Problem(id="e", question="What is the sum of the two digits?", images=(SMALL,)),
]
CHAIN = "Step 1: The first digit is {}.\nStep 2: The second digit is 4.\nStep 3: {} + 4 = {}.\nAnswer: {}"
LESSONS = {
    Problem(id="red", question="What is the sum of the two digits?", images=(SMALL,)): CHAIN.format(3, 3, 7, 7),
    Problem(id="blue", question="What is the sum?", images=(WIDE,)): CHAIN.format(5, 5, 9, 9),
    Problem(id="none", question="What is 3 + 4?"): "Step 1: 3 + 4 数 7.\nAnswer: 7",
}


def make_policy() -> Any:
    torch.manual_seed(0)
    backbone = make_tiny_backbone()
    return SimpleNamespace(model=backbone.load_model(), encoder=backbone.encoder)


@pytest.fixture(scope="module")
def policy() -> Any:
    """Random, but far from uniform."""
    made = make_policy()
    with torch.no_grad():
        made.model.lm_head.weight.mul_(12)
    return made


@pytest.fixture(scope="module")
def taught() -> Any:
    """Knows its lessons by heart."""
    made = make_policy()
    responses = [made.encoder.response_ids(text) for text in LESSONS.values()]
    batch = made.encoder.collate(list(LESSONS), responses)
    optimizer = torch.optim.Adam(made.model.parameters(), lr=3e-3)
    for _ in range(400):
        optimizer.zero_grad()
        loss = made.model(**batch).loss
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            return made
    raise AssertionError(f"the lessons were not learned: {loss}")


def responses(
    policy: Any,
    problems: Sequence[Problem],
    prefixes: Sequence[str] | None = None,
    engine: TransformersSampler | None = None,
    **sampling: Any,
) -> list[list[Response]]:
    """The responses of every problem, in order."""
    engine = engine or TransformersSampler()
    engine.load_policy(policy)
    found = dict(engine.sample(problems, SamplingParams(**sampling), prefixes))
    assert sorted(found) == list(range(len(problems)))
    assert [found[i].problem for i in sorted(found)] == list(problems)
    return [found[i].responses for i in sorted(found)]


def tokens(*args: Any, **kwargs: Any) -> list[list[list[int]]]:
    return [[response.token_ids for response in row] for row in responses(*args, **kwargs)]
