"""What a study is made of: numbers of its runs, tables of them, what is claimed of them, and what was planned."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """One number of each run.

    Args:
        variant: The variant whose runs it is taken from; of several, the one with the largest in each seed: what
            choosing among them in hindsight would bring, chance included.
        metric: What is taken (`results.measured` has the names).
    """

    variant: str | list[str]
    metric: str = "test_accuracy"

    @property
    def variants(self) -> list[str]:
        """Its variant, or variants."""
        return [self.variant] if isinstance(self.variant, str) else self.variant

    @property
    def name(self) -> str:
        """What a page calls its variants."""
        return self.variant if isinstance(self.variant, str) else f"the best of {', '.join(self.variant)}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Quantities side by side, each compared with a reference by the same seeds.

    Args:
        title: What it shows.
        rows: Its lines, by their names; all variants by default.
        metric: What is shown of each variant where `rows` is left out.
        reference: The name of the line that others are compared with.
        percent: Whether numbers are shares, to be shown in percent.
    """

    title: str
    reference: str
    rows: dict[str, Quantity] = field(default_factory=dict)
    metric: str = "test_accuracy"
    percent: bool = True


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """How much a factor could matter at all: something that nobody has (the truth, hindsight), against a floor.

    Args:
        more: The best that can be thought of.
        less: What would do without the factor.
    """

    more: Quantity
    less: Quantity


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is claimed: one quantity is larger than each of some others.

    Args:
        claim: In words.
        more: What should be larger.
        less: What should be smaller.
        ceiling: How much it could matter; where that cannot be told from nothing, the claim cannot be tested.
        difference: The least difference that matters; as the study's plan says by default.
        percent: Whether its numbers are shares, to be shown in points.
    """

    claim: str
    more: Quantity
    less: list[Quantity]
    ceiling: Ceiling | None = None
    difference: float | None = None
    percent: bool = True


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is decided before a study's first run, and not changed after it.

    Args:
        difference: The least difference that matters (ours): 0.02 is two points of accuracy.
        power: With what probability it is to be seen, where it is there.
        stopping: When no more runs are made.
        basis: What the number of seeds was chosen by.
    """

    difference: float = 0.02
    power: float = 0.8
    stopping: str = "When all seeds are run, whatever they show."
    basis: str = ""
