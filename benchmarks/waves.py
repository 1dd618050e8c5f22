"""Tokens sampled for as much to learn from: responses in waves, against N of every problem.

    python benchmarks/waves.py

A policy that is taught for a moment draws N responses to each problem, several times over. Waves would have drawn the
first of them, for every response has random numbers of its own: the rules are applied to what is there. The figure is
tokens per problem with at least two right responses with different texts, which is what the paper's selection keeps.

This is a simulation of tokens for equal kept responses, not of what a policy becomes that learns from them: test
accuracy after self-evolution with waves, over several seeds, has not been measured. How much is saved depends on how
many problems are easy and hopeless: by `--steps`, the policy is taught for longer, and right more often. Each row comes
twice: with `hopeless`, which gives a few problems up that N responses would have kept, and without, where as many are
kept as of N.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import fmean

import torch
from pairs import row
from taught import SIZES, taught

from lit_mstar import Problem, Response
from lit_mstar.data import DigitsSource
from lit_mstar.reasoning.marking import Marker
from lit_mstar.rollouts.waves import Waves
from lit_mstar.samplers import SamplingParams, TransformersSampler

KEPT = 2


def drawn(policy: object, problems: Sequence[Problem], n: int, seed: int) -> list[list[Response]]:
    """N marked responses to each problem."""
    sampler, marker = TransformersSampler(batch_size=1024), Marker()
    sampler.load_policy(policy)
    sampling = SamplingParams(n=n, temperature=1.0, max_tokens=40, seed=seed)
    return [marker.mark(rollout).responses for _, rollout in sampler.sample(problems, sampling)]


def right(responses: Sequence[Response]) -> int:
    """How many right ones have different texts."""
    return len({response.text for response in responses if response.correct})


def in_waves(responses: Sequence[Response], waves: Waves) -> Sequence[Response]:
    """Those that waves would have drawn."""
    count = 0
    for size in waves.sizes(len(responses)):
        count += size
        wrong = sum(response.correct is False for response in responses[:count])
        if waves.done(right(responses[:count]), wrong, count):
            break
    return responses[:count]


def cost(found: Sequence[Sequence[Response]]) -> float:
    """Tokens per problem with enough right responses to keep."""
    tokens = sum(len(response.token_ids) for responses in found for response in responses)
    return tokens / sum(right(responses) >= KEPT for responses in found)


def report(whole: Sequence[Sequence[Sequence[Response]]], waves: Waves, steps: int) -> None:
    """One row: of what was drawn several times, what waves would have drawn."""
    short = [[in_waves(responses, waves) for responses in found] for found in whole]
    about = {
        "right": fmean(r.correct is True for found in whole for responses in found for r in responses),
        "kept, all": fmean(right(responses) >= KEPT for found in whole for responses in found),
        "kept, waves": fmean(right(responses) >= KEPT for found in short for responses in found),
        "responses": fmean(len(responses) for found in short for responses in found),
    }
    asked = f"first {waves.first}, enough {waves.enough}, hopeless {waves.hopeless}"
    what = f"tokens per problem with {KEPT} to keep, in waves (simulated; {asked}), policy of {steps} steps"
    pairs = [(cost(a), cost(b)) for a, b in zip(short, whole, strict=True)]
    row(what, pairs, 0.6, f"N = {len(whole[0][0])}", **about)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="*", default=[300, 450, 700], help="how long the policy is taught")
    parser.add_argument("--problems", type=int, default=100)
    parser.add_argument("--n", type=int, default=16)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--first", type=int, default=4)
    parser.add_argument("--enough", type=int, default=2)
    parser.add_argument("--hopeless", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rules = [Waves(first=options.first, enough=options.enough, hopeless=h) for h in (options.hopeless, options.n)]
    problems = DigitsSource(train=options.problems).problems("train")
    for steps in options.steps:
        policy = taught(SIZES[0], steps)
        whole = [drawn(policy, problems, options.n, seed) for seed in range(options.draws)]
        for waves in rules:
            report(whole, waves, steps)


if __name__ == "__main__":
    main()
