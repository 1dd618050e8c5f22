"""Step labels from rollouts: from every prefix of a response, does the policy still reach the right answer?

The paper's stage 1 (after Math-Shepherd): the soft label of a step is the share of completions, sampled from the
prefix that ends with it, whose answer is right. Equal prefixes of a problem's responses are one, whose completions are
drawn once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lit_mstar.reasoning.marking import Marker
from lit_mstar.rollouts.identity import digest
from lit_mstar.rollouts.nouns import Problem, Rollout, SamplingParams
from lit_mstar.samplers import Sampler
from lit_mstar.step_labels.chain import Chain, Tally
from lit_mstar.step_labels.drawing import Drawing


@dataclass
class StepLabels:
    """A chain's labels.

    Args:
        labels: One per step: the share of completions from there that succeeded, in [0, 1].
        draws: One per step: of how many; 0 where the label follows from another step's.
    """

    labels: list[float]
    draws: list[int]


@dataclass(frozen=True)
class Cost:
    """What labels have taken: completions, and the tokens in them."""

    completions: int = 0
    tokens: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.completions + other.completions, self.tokens + other.tokens)


@dataclass
class Labeller:
    """Draws completions and counts which succeed.

    Args:
        sampler: Holds the policy that completes.
        sampling: `n` is the number K of completions per prefix, at most.
        marker: How steps are recognized, and who says what is right; ours by default.
        drawing: When a prefix's completions are enough.
        costs: What was drawn so far, by the problem's id.
    """

    sampler: Sampler
    sampling: SamplingParams
    marker: Marker = field(default_factory=Marker)
    drawing: Drawing = Drawing()
    costs: dict[str, Cost] = field(default_factory=dict)

    @property
    def cost(self) -> Cost:
        """What was drawn so far."""
        return sum(self.costs.values(), Cost())

    def label(self, chains: Sequence[tuple[Problem, str]], known: Sequence[Rollout] = ()) -> list[StepLabels]:
        """Labels every step of every chain; all chains go forward together.

        Once no completion from a prefix succeeds, the chain is taken for lost: its later steps get 0.

        Args:
            chains: (problem with an answer, response text).
            known: Marked responses that were drawn like completions: each is a draw from every prefix of its own.
        """
        tallies: dict[tuple[str, str], Tally] = {}
        whole = [Chain.of(problem, self.marker.reasoning.prefixes(text), tallies) for problem, text in chains]
        for rollout in known:
            _count_known(rollout, tallies)
        while waves := self._waves(whole):
            for (start, size), wave in sorted(waves.items(), key=lambda item: item[0]):
                self._draw(wave, start, size)
        return [StepLabels(*chain.labels()) for chain in whole]

    def _waves(self, chains: Sequence[Chain]) -> dict[tuple[int, int], list[Tally]]:
        """Which prefixes are drawn from next, by how often they were and will be."""
        asked: dict[Tally, int] = {}
        for chain in chains:
            for tally, early in chain.wanted(self.drawing, self.sampling.n):
                if not early:
                    asked[tally] = self.drawing.wave(tally.draws, self.sampling.n)
                elif not tally.draws:
                    asked.setdefault(tally, min(self.drawing.first, self.sampling.n))
        waves: dict[tuple[int, int], list[Tally]] = {}
        for tally, size in asked.items():
            waves.setdefault((tally.draws, size), []).append(tally)
        return waves

    def _draw(self, wave: Sequence[Tally], start: int, size: int) -> None:
        # Later draws are others than the first ones, for they have random numbers of their own.
        seed = self.sampling.seed if start == 0 else int(digest((self.sampling.seed, start))[:12], 16)
        sampling = replace(self.sampling, n=size, seed=seed)
        problems, prefixes = [tally.problem for tally in wave], [tally.prefix for tally in wave]
        for position, rollout in self.sampler.sample(problems, sampling, prefixes):
            tally = wave[position]
            tally.successes += successes(rollout, tally.prefix, self.marker)
            tally.draws += len(rollout.responses)
            tokens = sum(len(response.token_ids) for response in rollout.responses)
            before = self.costs.get(tally.problem.id, Cost())
            self.costs[tally.problem.id] = before + Cost(len(rollout.responses), tokens)


def label_steps(
    sampler: Sampler,
    chains: Sequence[tuple[Problem, str]],
    sampling: SamplingParams,
    marker: Marker | None = None,
) -> list[list[float]]:
    """Soft labels for every step of every chain, of K completions each: see `Labeller.label`."""
    labeller = Labeller(sampler, sampling, marker or Marker(), Drawing(ahead=0))
    return [found.labels for found in labeller.label(chains)]


def successes(rollout: Rollout, prefix: str, marker: Marker) -> int:
    """How many completions make, after `prefix`, a response with the right answer."""
    whole = [replace(response, text=prefix + response.text) for response in rollout.responses]
    marked = marker.mark(Rollout(problem=rollout.problem, responses=whole))
    return sum(response.correct is True for response in marked.responses)


def success_rate(rollout: Rollout, prefix: str, marker: Marker) -> float:
    """The share of completions that make, after `prefix`, a response with the right answer."""
    return successes(rollout, prefix, marker) / len(rollout.responses)


def _count_known(rollout: Rollout, tallies: dict[tuple[str, str], Tally]) -> None:
    own = [tally for (problem, _), tally in tallies.items() if problem == rollout.problem.id]
    for tally in own:
        found = [response for response in rollout.responses if response.text.startswith(tally.prefix)]
        tally.draws += len(found)
        tally.successes += sum(response.correct is True for response in found)
