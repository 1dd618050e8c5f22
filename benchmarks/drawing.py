"""What each way to draw completions costs, and how wrong its labels are, on a sampler whose chances are known.

    python benchmarks/drawing.py            # a row, and a table

2,000 chains of 6 steps. From each step a completion succeeds with a chance that is drawn from Beta(2, 1), until a step
(half of the chains have one, anywhere) after which it is 1%. Labels are held against the chances themselves: a hard
label is wrong where it differs from "any of K would succeed, more likely than not", a soft one by its distance.

The row is over five draws of chains: hard labels of K = 8, drawn to the first success, over all 8 from every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pairs
import torch

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


def labelled(known: np.ndarray, k: int, drawing: Drawing, seed: int = 1) -> tuple[np.ndarray, int, int]:
    """The labels of every chain (CHAINS, STEPS), and how many completions and rounds they took."""
    text = "".join(f"Step {step}: so.\n" for step in range(1, STEPS + 1)) + "Answer: 1"
    chains = [(Problem(id=str(i), question="?", answer="1"), text) for i in range(CHAINS)]
    sampler = Known(known)
    labeller = Labeller(sampler, SamplingParams(n=k, seed=seed), drawing=drawing)
    labels = np.array([found.labels for found in labeller.label(chains)])
    return labels, labeller.cost.completions, sampler.rounds


def share_wrong(labels: np.ndarray, known: np.ndarray, k: int) -> float:
    """Of hard labels."""
    return float(((labels > 0) != (1 - (1 - known) ** k > 0.5)).mean())


def table() -> None:
    known = chances(np.random.default_rng(0))
    print("| K | way | completions | of all | rounds | hard labels wrong | error of shares |")
    print("| --: | --- | --: | --: | --: | --: | --: |")
    for k in (4, 8, 16):
        whole = 0
        for name, drawing in WAYS.items():
            labels, cost, rounds = labelled(known, k, drawing)
            whole = whole or cost
            error = np.sqrt(((labels - known) ** 2).mean())
            wrong = share_wrong(labels, known, k)
            print(f"| {k} | {name} | {cost:,} | {cost / whole:.0%} | {rounds} | {wrong:.1%} | {error:.3f} |")


def compared(way: str, k: int = 8, draws: int = 5) -> None:
    """The row of one way against all K from every step: completions, with the share of hard labels that are wrong."""
    found, wrong = [], []
    for seed in range(draws):
        known = chances(np.random.default_rng(seed))
        ours, theirs = (labelled(known, k, WAYS[name], seed) for name in (way, "all"))
        found.append((float(ours[1]), float(theirs[1])))
        wrong.append([share_wrong(labels, known, k) for labels, *_ in (ours, theirs)])
    mean = np.mean(wrong, axis=0)
    errors = {"wrong_labels": round(float(mean[0]), 4), "wrong_labels_theirs": round(float(mean[1]), 4)}
    about = {"K": k, "way": way, "chains": CHAINS, "steps": STEPS}
    pairs.row("Monte-Carlo labels: completions", found, 0.33, f"K = {k} from every step, always", **about, **errors)


def main() -> None:
    torch.set_num_threads(1)
    compared("first success")
    table()


if __name__ == "__main__":
    main()
