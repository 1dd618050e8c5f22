"""Tokens per second when problems are sampled again in a later iteration, over the same without what was said before.

    python benchmarks/iterations_again.py

A policy that was taught for a moment samples problems, learns from its correct responses, and samples the same problems
again with other random numbers: once by an engine that remembers what it sampled (`TransformersSampler.draft`), once by
one that does not. Both give the same responses.
"""

from __future__ import annotations

import argparse
import time
from itertools import chain
from typing import Any

import torch
from pairs import compare
from taught import SIZES, taught

from lit_mstar import Problem, Rollout
from lit_mstar.data import DigitsSource
from lit_mstar.modules.likelihood import response_nll
from lit_mstar.reasoning.marking import Marker
from lit_mstar.samplers import SamplingParams, TransformersSampler


def engine(policy: Any, draft: int) -> TransformersSampler:
    sampler = TransformersSampler(draft=draft)
    sampler.load_policy(policy)
    sampler._ways()  # found out once per model
    return sampler


def rate(sampler: TransformersSampler, problems: list[Problem], sampling: SamplingParams) -> float:
    start = time.perf_counter()
    found = chain.from_iterable(rollout.responses for _, rollout in sampler.sample(problems, sampling))
    return sum(len(response.token_ids) for response in found) / (time.perf_counter() - start)


def learn(policy: Any, rollouts: list[Rollout]) -> int:
    """One pass over two correct responses a problem; returns how many responses were correct."""
    marker, correct, examples = Marker(), 0, []
    for rollout in rollouts:
        right = [r for r in marker.mark(rollout).responses if r.correct]
        correct += len(right)
        examples += [(rollout.problem, r.token_ids) for r in right[:2]]
    optimizer = torch.optim.AdamW(policy.model.parameters(), lr=3e-4)
    for at in range(0, len(examples), 32):
        problems, ids = zip(*examples[at : at + 32], strict=True)
        total, count = response_nll(policy.model, policy.encoder.collate(problems, ids))
        optimizer.zero_grad()
        (total / count).backward()
        optimizer.step()
    policy.model.eval()
    return correct


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=32)
    parser.add_argument("--steps", type=int, default=800, help="of teaching before")
    parser.add_argument("--wide", action="store_true", help="the larger model, too; teaching it takes long")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    problems = DigitsSource(train=options.problems).problems("train")[: options.problems]
    first, again = (SamplingParams(n=16, max_tokens=64, seed=seed) for seed in (0, 1))
    for size in SIZES if options.wide else SIZES[:1]:
        policy = taught(size, options.steps)
        remembering, forgetful = engine(policy, 4), engine(policy, 0)
        rollouts = [rollout for _, rollout in remembering.sample(problems, first)]
        correct = learn(policy, rollouts)
        share = correct / sum(len(rollout.responses) for rollout in rollouts)
        compare(
            f"iteration t+1, {size}",
            lambda sampler=remembering: rate(sampler, problems, again),
            lambda sampler=forgetful: rate(sampler, problems, again),
            bar=1.5,
            better="more",
            peer="the same without the ledger",
            pairs=options.pairs,
            size=size,
            **{"share correct before": round(share, 3)},
        )


if __name__ == "__main__":
    main()
