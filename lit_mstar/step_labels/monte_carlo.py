"""Step labels from rollouts: from every prefix of a response, does the policy still reach the right answer?

The paper's stage 1 (after Math-Shepherd): the soft label of a step is the share of completions, sampled from the
prefix that ends with it, whose answer is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lit_mstar.reasoning.marking import Marker
from lit_mstar.rollouts.nouns import Problem, Rollout, SamplingParams
from lit_mstar.samplers import Sampler


def label_steps(
    sampler: Sampler,
    chains: Sequence[tuple[Problem, str]],
    sampling: SamplingParams,
    marker: Marker | None = None,
) -> list[list[float]]:
    """Monte-Carlo labels for every step of every chain.

    All chains go forward together, step by step. Once no completion from a prefix succeeds, the chain is taken for
    lost: its later steps get 0 without sampling.

    Args:
        sampler: Holds the policy that completes.
        chains: (problem with an answer, response text).
        sampling: `n` is the number K of completions per prefix.
        marker: How steps are recognized, and who says what is right; ours by default.

    Returns:
        One list per chain, one label in [0, 1] per step.
    """
    marker = marker or Marker()
    prefixes = [marker.reasoning.prefixes(text) for _, text in chains]
    labels: list[list[float]] = [[] for _ in chains]
    alive = [i for i, steps in enumerate(prefixes) if steps]
    while alive:
        heads = [prefixes[i][len(labels[i])] for i in alive]
        problems = [chains[i][0] for i in alive]
        for position, rollout in sampler.sample(problems, sampling, heads):
            labels[alive[position]].append(success_rate(rollout, heads[position], marker))
        alive = [i for i in alive if labels[i][-1] > 0 and len(labels[i]) < len(prefixes[i])]
    return [[*known, *[0.0] * (len(steps) - len(known))] for known, steps in zip(labels, prefixes, strict=True)]


def success_rate(rollout: Rollout, prefix: str, marker: Marker) -> float:
    """The share of completions that make, after `prefix`, a response with the right answer."""
    whole = [replace(response, text=prefix + response.text) for response in rollout.responses]
    marked = marker.mark(Rollout(problem=rollout.problem, responses=whole))
    return sum(response.correct is True for response in marked.responses) / len(whole)
