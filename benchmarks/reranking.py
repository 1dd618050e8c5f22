"""Are the two correct responses that a reward model likes best truer than two at random, and how true could they be?

    python benchmarks/reranking.py runs/three-digits/1-warmup/model runs/three-digits/3-prm/model ANOTHER_PRM …

16 responses at T = 1 to 1,000 mixed questions on three digits that no recipe uses. Of the problems with more than two
different correct responses: the share of the kept whose steps are all true. Two at random stand for their mean. Two
ceilings: the truth itself as a reward model, and the labels that reward models learn from, the share of 32 completions
from each step that reach the right answer, which are drawn for the first problems only. Differences are paired by
problem, with 95% intervals.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace

import torch

from lit_mstar import Backbone, Rollout
from lit_mstar.data import DigitsSource, TruthScorer
from lit_mstar.evaluation.intervals import difference_interval
from lit_mstar.modules.scorer import scorer_of
from lit_mstar.reasoning.marking import Marker
from lit_mstar.rewards.selection import AllCorrect, TopK
from lit_mstar.rollouts.tensors import faithful
from lit_mstar.samplers import SamplingParams, TransformersSampler
from lit_mstar.scorers import StepScorer
from lit_mstar.scorers.rank_scoring import RankScoring
from lit_mstar.step_labels import Labeller

CPU = torch.device("cpu")
LABELLED = 160  # problems


class Labels(StepScorer):
    """Scores a step by its label."""

    def __init__(self, sampler: TransformersSampler, references: dict[str, str]) -> None:
        self.labeller = Labeller(sampler, SamplingParams(n=32, max_tokens=44, seed=17))
        self.references = references

    def score(self, rollouts: Sequence[Rollout]) -> list[list[list[float]]]:
        """See `StepScorer.score`; references are hidden from scorers, and this one is about them."""
        known = [SimpleNamespace(**vars(r.problem) | {"answer": self.references[r.problem.id]}) for r in rollouts]
        problems = [type(r.problem)(**vars(p)) for r, p in zip(rollouts, known, strict=True)]
        chains = [(p, x.text) for p, r in zip(problems, rollouts, strict=True) for x in r.responses]
        found = iter(self.labeller.label(chains))
        return [[next(found).labels for _ in rollout.responses] for rollout in rollouts]


def sampler_of(warm: str) -> TransformersSampler:
    backbone = Backbone(warm)
    sampler = TransformersSampler(batch_size=1024)
    sampler.load_policy(SimpleNamespace(model=backbone.load_model(), encoder=backbone.encoder))
    return sampler


def right_ones(sampler: TransformersSampler, source: DigitsSource) -> list[Rollout]:
    """Problems with more than two different correct responses, and these alone."""
    sampling = SamplingParams(n=16, temperature=1.0, max_tokens=44, seed=11)
    marked = [Marker().mark(rollout) for _, rollout in sampler.sample(source.problems("test"), sampling)]
    kept = [Rollout(problem=r.problem, responses=[r.responses[i] for i in AllCorrect()(r)]) for r in marked]
    return sorted((r for r in kept if len(r.responses) > 2), key=lambda r: r.problem.id)


def trueness(rollouts: list[Rollout], source: DigitsSource, kept: Callable[[Rollout], list[int]]) -> list[float]:
    return [
        fmean(faithful(rollout.problem, rollout.responses[i], source.judge_steps) is True for i in kept(rollout))
        for rollout in rollouts
    ]


def row(name: str, rollouts: list[Rollout], scored: list[Rollout], source: DigitsSource) -> str:
    """A line of the table: all questions, then each kind."""
    cells = []
    for word in ("", "sum", "largest"):
        of_kind = [i for i, rollout in enumerate(rollouts) if word in rollout.problem.question]
        one, two = ([x[i] for i in of_kind] for x in (rollouts, scored))
        before, after = trueness(one, source, AllCorrect()), trueness(two, source, TopK(2))
        gap = difference_interval(before, after, [rollout.problem.id for rollout in one])
        ends = f"{100 * gap.value:+.1f} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"
        cells.append(f"{fmean(before):.1%} | {fmean(after):.1%}, {ends}")
    return f"| {name} | {len(rollouts)} | {' | '.join(cells)} |"


def main() -> None:
    torch.set_num_threads(1)
    warm, *prms = sys.argv[1:]
    source = DigitsSource(num_digits=3, operations=["sum", "difference"], test=1000, random_state=271)
    sampler = sampler_of(warm)
    rollouts = right_ones(sampler, source)
    print("| top 2 by | problems | all: at random | kept | sums: at random | kept | differences: at random | kept |")
    print("| --- | --: | --: | --- | --: | --- | --: | --- |")
    scorers: dict[str, StepScorer] = {"/".join(Path(prm).parts[-3:]): scorer_of(prm, 1024) for prm in prms}
    for name, scorer in (scorers | {"the truth": TruthScorer(source)}).items():
        print(row(name, rollouts, RankScoring(scorer).scored(rollouts, CPU), source), flush=True)
    few = rollouts[:LABELLED]
    labels = Labels(sampler, {rollout.problem.id: str(rollout.problem.answer) for rollout in few})
    for name, scorer in {"labels of 32 completions": labels, "the truth": TruthScorer(source)}.items():
        print(row(name, few, RankScoring(scorer).scored(few, CPU), source), flush=True)


if __name__ == "__main__":
    main()
