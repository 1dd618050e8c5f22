"""A reward as reranker, which picks among correct responses.

The paper finds its PRM a good one: the correct responses that it ranks highest are shorter and more relevant than the
other correct ones. As a verifier it is poor (`verification`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

import numpy as np

from lit_mstar.rewards.selection import AllCorrect, TopK
from lit_mstar.rollouts.nouns import Judge, Problem, Response, Rollout
from lit_mstar.rollouts.tensors import faithful

_Profile = dict[str, float]


def reranking(rollouts: Sequence[Rollout], k: int, judge: Judge) -> dict[str, float]:
    """The k correct responses that score highest, `top<k>`, and the other correct ones, `rest`, in comparison.

    Only problems with more than k correct responses of different texts are `compared` (how many), and of equal texts
    only the first response. A number is the mean over a problem's responses, then over problems, which weigh equally:

    - `…/steps` and `…/tokens`: how long the responses are.
    - `…/faithful`: the share of them whose steps are all true.
    - `…/distinct`: how much the texts differ, for that they do is settled: the Jaccard distance between the sets of
      words of two responses, the mean over all pairs (ours).

    Each is over the problems where both groups have it: where the judge can tell, and where there are pairs. It's
    left out where no problem has it.

    Args:
        rollouts: Marked and scored.
        k: How many of the correct responses training would keep.
        judge: Whether each step is true; None where it cannot tell (`ProblemSource.judge_steps`).

    Raises:
        ValueError: If k is less than 1, or a correct response has no score.
    """
    found = contrast(rollouts, TopK(k), judge)
    results = {"compared": float(found.pop("compared")[0])}
    for name, (best, others) in found.items():
        results |= {f"top{k}/{name}": best, f"rest/{name}": others}
    return results


def contrast(
    rollouts: Iterable[Rollout], chosen: Callable[[Rollout], Sequence[int]], judge: Judge
) -> dict[str, tuple[float, float]]:
    """What is chosen against the other correct responses, as for `reranking`: each measure of both, by name.

    `compared` is how many problems have responses of both kinds.
    """
    pairs: list[tuple[_Profile, _Profile]] = []
    for rollout in rollouts:
        top, correct = chosen(rollout), AllCorrect()(rollout)
        others = [i for i in correct if i not in top]
        if top and others and len(correct) > len(top):
            best, rest = (_profile(rollout.problem, [rollout.responses[i] for i in g], judge) for g in (top, others))
            pairs.append((best, rest))
    results = {"compared": (float(len(pairs)), float(len(pairs)))}
    for name in ("steps", "tokens", "faithful", "distinct"):
        both = [(best[name], rest[name]) for best, rest in pairs if name in best and name in rest]
        if both:
            results[name] = fmean(best for best, _ in both), fmean(rest for _, rest in both)
    return results


def _profile(problem: Problem, responses: Sequence[Response], judge: Judge) -> _Profile:
    """The means over some of a problem's responses, by name; without what is unknown."""
    profile = {
        "steps": fmean(len(response.steps) for response in responses),
        "tokens": fmean(len(response.token_ids) for response in responses),
    }
    verdicts = [faithful(problem, response, judge) for response in responses]
    if None not in verdicts:
        profile["faithful"] = fmean(verdict is True for verdict in verdicts)
    if len(responses) > 1:
        profile["distinct"] = _jaccard_distance([response.text for response in responses])
    return profile


def _jaccard_distance(texts: Sequence[str]) -> float:
    """The mean over pairs of texts of 1 - |A ∩ B| / |A ∪ B|, where A and B are their sets of words."""
    words = [set(text.split()) for text in texts]
    columns = {word: column for column, word in enumerate(set().union(*words))}
    present = np.zeros((len(texts), len(columns)), np.float32)
    for row, own in zip(present, words, strict=True):
        row[[columns[word] for word in own]] = 1
    shared = present @ present.T
    united = np.add.outer(shared.diagonal(), shared.diagonal()) - shared
    pairs = np.triu_indices(len(texts), k=1)
    return float(1 - (shared[pairs] / united[pairs].clip(min=1)).mean(dtype=np.float64))
