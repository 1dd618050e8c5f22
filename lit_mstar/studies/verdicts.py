"""What a study says of each claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lit_mstar.studies.definition import Study
from lit_mstar.studies.intervals import Estimate, difference, estimate, paired
from lit_mstar.studies.nouns import Finding, Quantity
from lit_mstar.studies.power import Spread, power, spread
from lit_mstar.studies.results import Result

Verdict = Literal["seen", "seen, uncorrected", "the opposite", "not seen", "untestable", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One of the differences that a claim rests on.

    Args:
        more: What should be larger.
        less: What should be smaller.
        gaps: More minus less, by seed.
        gap: More minus less, with its 95% interval.
        corrected: The same with an interval that holds together with all others of the study: of 1 - 0.05 / m, where m
            is their number (Bonferroni).
        spread: What makes its seeds differ.
        power: With what probability the least difference that matters would have been seen (by the 95% interval).
    """

    more: Quantity
    less: Quantity
    gaps: list[float]
    gap: Estimate
    corrected: Estimate
    spread: Spread
    power: float


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A claim and what is to be said of it.

    Args:
        finding: The claim.
        worth: The least difference that matters.
        comparisons: One for each "less".
        ceiling: How much it could matter at all; None where the study names none.
    """

    finding: Finding
    worth: float
    comparisons: list[Comparison]
    ceiling: Estimate | None

    @property
    def verdict(self) -> Verdict:
        """What the claim is.

        "seen": every corrected interval lies above zero; "seen, uncorrected": only the 95% intervals do. "the
        opposite": one of these lies below zero. "untestable": none of it, and the ceiling's interval reaches zero, too.
        "not seen": one of the 95% intervals ends below the least difference that matters, which is thereby ruled out.
        All else is undecided.
        """
        gaps = [comparison.gap for comparison in self.comparisons]
        if all(comparison.corrected.low > 0 for comparison in self.comparisons):
            return "seen"
        if all(gap.low > 0 for gap in gaps):
            return "seen, uncorrected"
        if any(gap.high < 0 for gap in gaps):
            return "the opposite"
        if self.ceiling and self.ceiling.low <= 0:
            return "untestable"
        return "not seen" if any(gap.high < self.worth for gap in gaps) else "undecided"


def judge(study: Study, results: Sequence[Result]) -> list[Judged]:
    """All claims of a study."""
    confidence = 1 - 0.05 / max(1, sum(len(finding.less) for finding in study.findings))
    return [_judged(study, results, finding, confidence) for finding in study.findings]


def _judged(study: Study, results: Sequence[Result], finding: Finding, confidence: float) -> Judged:
    worth = finding.difference or study.plan.difference
    top = finding.ceiling
    ceiling = difference(results, top.more, top.less) if top else None
    comparisons = [_compared(results, finding.more, less, worth, confidence) for less in finding.less]
    return Judged(finding=finding, worth=worth, comparisons=comparisons, ceiling=ceiling)


def _compared(results: Sequence[Result], more: Quantity, less: Quantity, worth: float, confidence: float) -> Comparison:
    gaps, found = paired(results, more, less), spread(results, more, less)
    return Comparison(
        more=more,
        less=less,
        gaps=gaps,
        gap=estimate(gaps),
        corrected=estimate(gaps, confidence),
        spread=found,
        power=power(worth, found.sd, found.n),
    )
