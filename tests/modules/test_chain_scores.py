"""Many chains at once: each as alone, equal ones once, never more in flight than was said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from lit_mstar import Problem, ProcessRewardModule, Response, Rollout
from lit_mstar.encoding.prompt_cache import CACHE
from lit_mstar.encoding.step_encoding import StepExample, collate_steps
from lit_mstar.modules.chain_scores import model_inputs
from support.helpers import make_tiny_backbone
from support.scripted import sums

SHORT, LONG = ["Step 1: no."], ["a\n\nb", "Step 2: ünï — ✓", "x" * 60, "Step 4: 1 + 1 = 2."]
CHAINS = [SHORT, LONG, [], SHORT, LONG[:2], LONG, [*LONG, *SHORT], SHORT]


@pytest.fixture(scope="module")
def prm() -> ProcessRewardModule:
    torch.manual_seed(0)
    prm = ProcessRewardModule(make_tiny_backbone())
    prm.configure_model()
    with torch.no_grad():
        prm.head.weight.mul_(5)  # scores that differ
    prm.score([rollout(sums(1)[0], [SHORT])])  # finds out whether prompts can be shared
    return prm.eval()


def rollout(problem: Problem, chains: list[list[str]]) -> Rollout:
    return Rollout(problem=problem, responses=[Response(text="", steps=chain) for chain in chains])


def alone(prm: ProcessRewardModule, problem: Problem, chain: list[str]) -> list[float]:
    batch = model_inputs(collate_steps(prm.encoder, [StepExample(problem, chain, [0.0] * len(chain))]))
    with torch.no_grad():
        return prm(**batch)[0].sigmoid().tolist() if chain else []


@contextmanager
def passes(prm: ProcessRewardModule) -> Iterator[list[tuple[bool, int, int]]]:
    """Of each forward pass: whether it goes on from prompts, its rows and its tokens."""
    seen: list[tuple[bool, int, int]] = []

    def note(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        seen.append((kwargs[CACHE].get_seq_length() > 0, *kwargs["input_ids"].shape))

    handle = prm.model.register_forward_pre_hook(note, with_kwargs=True)
    yield seen
    handle.remove()


@pytest.mark.parametrize("batch_size", [1, 2, 3, 256])
def test_each_chain_scores_as_alone_whatever_is_scored_with_it(prm: ProcessRewardModule, batch_size: int) -> None:
    prm.batch_size = batch_size
    given = [CHAINS, CHAINS[::-1], [SHORT], [[], []], [LONG] * 5, CHAINS[1:4]]
    rollouts = [rollout(problem, chains) for problem, chains in zip(sums(6), given, strict=True)]
    for found, asked in zip(prm.score(rollouts), rollouts, strict=True):
        for scores, response in zip(found, asked.responses, strict=True):
            assert scores == pytest.approx(alone(prm, asked.problem, response.steps), abs=1e-5)


def test_equal_chains_go_through_the_model_once_and_have_lists_of_their_own(prm: ProcessRewardModule) -> None:
    prm.batch_size = 256
    with passes(prm) as seen:
        (found,) = prm.score([rollout(sums(1)[0], [LONG] * 16)])
    assert [(continued, rows) for continued, rows, _ in seen] == [(False, 1), (True, 1)]
    assert found == [found[0]] * 16
    found[0].clear()
    assert len(found[1]) == len(LONG)


def test_equal_chains_about_two_problems_are_two(prm: ProcessRewardModule) -> None:
    prm.batch_size = 256
    one, two = (rollout(problem, [LONG]) for problem in (sums(2)[0], Problem(id="x", question="How are you?")))
    first, second = prm.score([one, two])
    assert first != second
    assert second[0] == pytest.approx(alone(prm, two.problem, LONG), abs=1e-5)


def test_no_more_rows_than_batch_size_and_like_lengths_together(prm: ProcessRewardModule) -> None:
    prm.batch_size = 8
    chains = [[f"{i} {'a' * length}"] for i in range(4) for length in (1, 60)]  # 4 short ones and 4 long ones
    with passes(prm) as seen:
        prm.score([rollout(problem, chains) for problem in sums(2)])
    assert max(rows for _, rows, _ in seen) <= 8
    lengths = [tokens for continued, _, tokens in seen if continued]
    assert len(lengths) == 2  # of 2 x 8 chains
    assert lengths[0] > 2 * lengths[1]  # all long ones, then all short ones
