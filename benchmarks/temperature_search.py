"""What a temperature search costs as a race, against every temperature on all validation problems, and what it takes.

    python benchmarks/temperature_search.py

Two grids of responses of a policy that was really trained lie in benchmarks/results: the quickstart's after its warmup
("early") and after 4 iterations of self-evolution, in which the temperature was raced for ("evolved"). Each has 600
validation problems x 14 temperatures x 4 responses: right or wrong, scored by the quickstart's PRM, their lengths. Both
searches choose on 150 of these problems, as many as the quickstart has, drawn with replacement, 200 times, each time
from a random current temperature. A choice is good if, on all that is recorded, it is within one standard error of the
best: the paired error that a search of 150 problems has. The loss is how far the chosen temperature is below it.

How they were recorded:

    lit-mstar run configs/quickstart
    python benchmarks/temperature_search.py --record early --policy runs/quickstart/1-warmup/model
    python benchmarks/temperature_search.py --record evolved --policy runs/quickstart/4-evolve/model
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace

import numpy as np
import torch
from pairs import row
from torch import Tensor

from lit_mstar import Backbone
from lit_mstar.callbacks.temperature_balancer import GRID, THRESHOLDS
from lit_mstar.data import DigitsSource
from lit_mstar.modules.scorer import scorer_of
from lit_mstar.reasoning.marking import Marker
from lit_mstar.rewards.balance import By, Choice, Worth, best, choose, criterion
from lit_mstar.rewards.racing import race
from lit_mstar.rollouts.tensors import correctness, first_of_text, scores
from lit_mstar.samplers import SamplingParams, TransformersSampler
from lit_mstar.scorers.rank_scoring import RankScoring

RESULTS = Path(__file__).parent / "results"
RESPONSES = 4  # the quickstart's balancer's


def record(name: str, policy: str, prm: str, count: int) -> None:
    """Samples every temperature on all problems, from the same random numbers, and keeps what came of it."""
    backbone, marker, scoring = Backbone(policy), Marker(), RankScoring(scorer_of(prm))
    sampler = TransformersSampler(batch_size=1024)
    sampler.load_policy(SimpleNamespace(model=backbone.load_model(), encoder=backbone.encoder))
    problems = DigitsSource(validate=count).problems("validate")
    found: dict[str, list[Tensor]] = {"correct": [], "score": [], "first": [], "tokens": []}
    for temperature in GRID:
        sampling = SamplingParams(n=RESPONSES, temperature=temperature, max_tokens=40)
        by_place = {i: marker.mark(rollout) for i, rollout in sampler.sample(problems, sampling)}
        rollouts = scoring.scored([by_place[i] for i in range(count)], torch.device("cpu"))
        lengths = [[len(response.token_ids) for response in rollout.responses] for rollout in rollouts]
        ranking = scores(rollouts)
        assert ranking is not None, "the PRM has scored them"  # noqa: S101
        values = (correctness(rollouts), ranking, first_of_text(rollouts), torch.tensor(lengths, dtype=torch.int16))
        for kept, value in zip(found.values(), values, strict=True):
            kept.append(value)
        print(f"T = {temperature:g}: {values[0].double().mean():.3f} correct", flush=True)
    np.savez_compressed(RESULTS / f"temperature_search-{name}.npz", **{k: torch.stack(v) for k, v in found.items()})


class Recorded:
    """A grid of recorded responses, and what every problem is worth at every temperature."""

    def __init__(self, name: str, by: By) -> None:
        with np.load(RESULTS / f"temperature_search-{name}.npz") as arrays:
            correct, score, first, self.tokens = (
                torch.from_numpy(arrays[key]) for key in ("correct", "score", "first", "tokens")
            )
        self.problems = correct.shape[1]
        criteria = [criterion(by, 2, RESPONSES, [threshold]) for threshold in (THRESHOLDS if by == "balance" else [0])]
        each = [[c(*found).each for found in zip(correct, score, first, strict=True)] for c in criteria]
        self.each = torch.stack([torch.stack(row) for row in each])  # (thresholds, T, B)

    def worth(self, place: int, problems: Tensor) -> Worth:
        """What a temperature is worth on some problems, (B,) long, at the best threshold."""
        each = self.each[:, place, problems]
        means = each.mean(1).tolist()
        return Worth(max(means), float("nan"), each=each[best(means)])

    def cost(self, place: int, problems: Tensor) -> int:
        """Tokens generated for them."""
        return int(self.tokens[place][problems].sum())


def searched(recorded: Recorded, problems: Tensor, current: float, options: argparse.Namespace) -> tuple[Choice, int]:
    """What a race chooses on some problems, and the tokens that it generates."""
    counts = [0] * len(GRID)

    def judge(place: int, count: int) -> Worth:
        counts[place] = count
        return recorded.worth(place, problems[:count])

    total = len(problems)
    _, chosen = race(judge, GRID, total, options.first, options.worth, options.rule, current)
    return chosen, sum(recorded.cost(place, problems[:count]) for place, count in enumerate(counts))


def measure(name: str, by: By, options: argparse.Namespace) -> None:
    recorded = Recorded(name, by)
    every = torch.arange(recorded.problems)
    truth = [recorded.worth(place, every) for place in range(len(GRID))]
    good = within_one_error(truth, options.problems)
    generator, draws = torch.Generator().manual_seed(0), random.Random(0)
    pairs, raced, full = [], [], []
    for _ in range(options.resamples):
        problems = torch.randint(recorded.problems, (options.problems,), generator=generator)
        current = draws.choice(GRID)
        chosen, tokens = searched(recorded, problems, current, options)
        worths = [recorded.worth(place, problems) for place in range(len(GRID))]
        pairs.append((tokens, sum(recorded.cost(place, problems) for place in range(len(GRID)))))
        raced.append(chosen.place)
        full.append(choose(options.rule, GRID, worths, current).place)
    best_of_all = max(worth.value for worth in truth)
    about = {
        "mean share": fmean(a / b for a, b in pairs),
        "within one error": fmean(place in good for place in raced),
        "within one error, all": fmean(place in good for place in full),
        "mean loss": fmean(best_of_all - truth[place].value for place in raced),
        "mean loss, all": fmean(best_of_all - truth[place].value for place in full),
        "good temperatures": [GRID[place] for place in good],
        "curve": [round(worth.value, 3) for worth in truth],
    }
    row(f"temperature search, {name} policy, by {by}", pairs, 0.2, "all temperatures on all problems", **about)


def within_one_error(truth: list[Worth], problems: int) -> list[int]:
    """The temperatures not below the best by more than a search of so many problems has as its paired error."""
    top = max(truth, key=lambda worth: worth.value)
    found = []
    for place, worth in enumerate(truth):
        assert worth.each is not None and top.each is not None, "by problem"  # noqa: S101, PT018
        if top.value - worth.value <= float((top.each - worth.each).std()) / problems**0.5:
            found.append(place)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=150)
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--first", type=int, default=16)
    parser.add_argument("--worth", type=float, default=0.02)
    parser.add_argument("--rule", default="argmax")
    parser.add_argument("--by", nargs="*", default=["reward_pass", "pass", "balance"])
    parser.add_argument("--record", metavar="NAME", help="record a policy's grid under this name instead")
    parser.add_argument("--policy", default="runs/quickstart/1-warmup/model")
    parser.add_argument("--prm", default="runs/quickstart/3-prm/model")
    parser.add_argument("--recorded", type=int, default=600, help="how many problems are recorded")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.record:
        record(options.record, options.policy, options.prm, options.recorded)
        return
    for path in sorted(RESULTS.glob("temperature_search-*.npz")):
        for by in options.by:
            measure(path.stem.removeprefix("temperature_search-"), by, options)


if __name__ == "__main__":
    main()
