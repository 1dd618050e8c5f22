"""What each way to draw completions costs, and how wrong its labels are, on a sampler whose chances are known.

    python benchmarks/drawing.py

2,000 chains of 6 steps. From each step a completion succeeds with a chance that is drawn from Beta(2, 1), until a step
(half of the chains have one, anywhere) after which it is 1%. Labels are held against the chances themselves: a hard
label is wrong where it differs from "any of K would succeed, more likely than not", a soft one by its distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lit_mstar import Problem, Response, Rollout
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Policy, Sampler
from lit_mstar.step_labels import Drawing, Labeller

CHAINS, STEPS = 2000, 6
WAYS = {
    "all": Drawing(),
    "first success": Drawing(until="success"),
    "first success, all in flight": Drawing(until="success", ahead=None),
    "first success, by halves": Drawing(until="success", bisect=True),
    "interval narrower than 0.5": Drawing(until="interval", width=0.5, first=2),
}


class Known(Sampler):
    """Succeeds with known chances; counts how often it is called."""

    def __init__(self, chances: np.ndarray) -> None:
        self.chances, self.rounds = chances, 0

    def load_policy(self, policy: Policy) -> None:
        """Nothing to load."""

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        self.rounds += 1
        rng = np.random.default_rng(sampling.seed % 2**32)
        for i, (problem, prefix) in enumerate(zip(problems, prefixes or [], strict=True)):
            hits = rng.random(sampling.n) < self.chances[int(problem.id), prefix.count("\n") - 1]
            yield i, Rollout(problem=problem, responses=[Response(text=f"Answer: {int(hit)}") for hit in hits])


def chances(rng: np.random.Generator) -> np.ndarray:
    found = rng.beta(2, 1, (CHAINS, STEPS))
    for row in found[: CHAINS // 2]:
        row[rng.integers(STEPS) :] = 0.01
    return found


def main() -> None:
    known = chances(np.random.default_rng(0))
    text = "".join(f"Step {k}: so.\n" for k in range(1, STEPS + 1)) + "Answer: 1"
    chains = [(Problem(id=str(i), question="?", answer="1"), text) for i in range(CHAINS)]
    print("| K | way | completions | of all | rounds | hard labels wrong | error of shares |")
    print("| --: | --- | --: | --: | --: | --: | --: |")
    for k in (4, 8, 16):
        whole = 0
        for name, drawing in WAYS.items():
            sampler = Known(known)
            labeller = Labeller(sampler, SamplingParams(n=k, seed=1), drawing=drawing)
            labels = np.array([found.labels for found in labeller.label(chains)])
            cost = labeller.cost.completions
            whole = whole or cost
            wrong = ((labels > 0) != (1 - (1 - known) ** k > 0.5)).mean()
            error = np.sqrt(((labels - known) ** 2).mean())
            print(f"| {k} | {name} | {cost:,} | {cost / whole:.0%} | {sampler.rounds} | {wrong:.1%} | {error:.3f} |")


if __name__ == "__main__":
    main()
