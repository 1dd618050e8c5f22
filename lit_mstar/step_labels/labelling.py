"""What is done with an engine to label problems: responses, what is chosen of them, labels for their steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lit_mstar.reasoning.marking import Marker
from lit_mstar.rollouts.nouns import Problem, Rollout, SamplingParams
from lit_mstar.samplers import Sampler
from lit_mstar.step_labels.drawing import Drawing
from lit_mstar.step_labels.monte_carlo import Cost, Labeller, StepLabels


@dataclass
class Labelled:
    """A problem's distinct responses, labelled.

    Args:
        chains: Their steps and labels; those without steps are among them.
        alike: Whether they were passed over, for all are right or all wrong.
        cost: What it took.
    """

    chains: list[tuple[list[str], StepLabels]] = field(default_factory=list)
    alike: bool = False
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class Labelling:
    """Labels problems with an engine; it may travel to where that is (`Sampler.map`).

    Args:
        responses: How the responses to be labelled are drawn; duplicates are labelled once.
        completions: How completions are drawn.
        drawing: When a prefix's completions are enough.
        marker: How steps are recognized, and who says what is right.
        mixed: Only problems some of whose responses are right and some wrong.
        reuses: Responses count as draws.
    """

    responses: SamplingParams
    completions: SamplingParams
    drawing: Drawing
    marker: Marker
    mixed: bool
    reuses: bool

    def __call__(self, engine: Sampler, problems: Sequence[Problem]) -> Iterator[tuple[int, Labelled]]:
        """Yields (position, what was labelled) of each problem, once all of them are."""
        drawn = dict(engine.sample(problems, self.responses))  # in any order, so it is put in the problems'
        rollouts = [self.marker.mark(drawn[place]) for place in sorted(drawn)]
        found = {place: Labelled(alike=self.mixed and not _mixed(rollout)) for place, rollout in enumerate(rollouts)}
        chosen = [place for place in found if not found[place].alike]
        texts = [(place, text) for place in chosen for text in dict.fromkeys(x.text for x in rollouts[place].responses)]
        labeller = Labeller(engine, self.completions, self.marker, self.drawing)
        known = [rollouts[place] for place in chosen] if self.reuses else ()
        labels = labeller.label([(rollouts[place].problem, text) for place, text in texts], known)
        for (place, text), of_chain in zip(texts, labels, strict=True):
            found[place].chains.append((self.marker.reasoning.steps(text), of_chain))
        for place, labelled in found.items():
            labelled.cost = labeller.costs.pop(rollouts[place].problem.id, Cost())
        yield from found.items()


def _mixed(rollout: Rollout) -> bool:
    return len({response.correct for response in rollout.responses}) > 1
