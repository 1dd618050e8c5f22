"""What a study's page says of its claims: verdicts with the differences they rest on, and what could be seen at all."""

from __future__ import annotations

from collections.abc import Sequence

from lit_mstar.studies.definition import Study
from lit_mstar.studies.power import least, seeds_for
from lit_mstar.studies.verdicts import Comparison, Judged
from lit_mstar.studies.wording import signed, size

RULES = (
    "Differences in points where they are of shares: ± the 95% interval and, in brackets, one that holds for all "
    "comparisons of this page together (Bonferroni). Power is the probability that the least difference that matters "
    "would have been seen, by the spread of these seeds; a ceiling is how much the factor could matter at all. "
    "**Seen**: above zero by the corrected intervals (*uncorrected*: by the 95% ones only); **the opposite**: one lies "
    "below zero; **untestable**: neither, and the ceiling may be zero, too; **not seen**: a difference that matters is "
    "ruled out, as one of the 95% intervals ends below it; else **undecided**."
)
POWER = (
    "The standard deviation of the differences between seeds, and its two parts: what is left of it with ever more "
    "test problems, and what these problems have in it."
)


def claims(judged: Sequence[Judged]) -> str:
    """What the study says of each claim, with the differences that it rests on."""
    lines = ["| claim | here | differences | power | ceiling |", "|---|---|---|---|---|"]
    for claim in judged:
        percent, comparisons = claim.finding.percent, claim.comparisons
        gaps = "<br>".join(f"{against(each)}: {_gaps(each, percent)}" for each in comparisons)
        seen = "<br>".join(f"{100 * each.power:.0f}%" for each in comparisons)
        ceiling = signed(claim.ceiling, percent) if claim.ceiling else "–"
        lines.append(f"| {claim.finding.claim} | **{claim.verdict}** | {gaps} | {seen} | {ceiling} |")
    return "\n".join(lines)


def powers(study: Study, judged: Sequence[Judged]) -> str:
    """For each difference: what its seeds' spread comes from, what could be seen, and what it would take."""
    wanted = study.plan.power
    seen = f"seen with {100 * wanted:.0f}% power"
    lines = [f"| | seeds | sd | of runs | of test problems | {seen} | seeds needed for |", "|---|" + "--:|" * 6]
    lines += [_power(claim, each, wanted) for claim in judged for each in claim.comparisons]
    return "\n".join(lines)


def _power(claim: Judged, pair: Comparison, wanted: float) -> str:
    spread, percent = pair.spread, claim.finding.percent
    sizes = [spread.sd, spread.runs, spread.test, least(spread.sd, spread.n, wanted)]
    needed = seeds_for(claim.worth, spread.sd, wanted) if spread.n > 1 else "–"
    shown = " | ".join(size(value, percent) for value in sizes)
    return f"| {against(pair)} | {spread.n} | {shown} | {size(claim.worth, percent)}: {needed} |"


def against(pair: Comparison) -> str:
    """What is compared with what."""
    more, less = pair.more, pair.less
    if more.metric == less.metric:
        return f"{more.name} - {less.name} ({more.metric})"
    if more.variant == less.variant:
        return f"{more.metric} - {less.metric} ({more.name})"
    return f"{more.metric} ({more.name}) - {less.metric} ({less.name})"


def _gaps(pair: Comparison, percent: bool) -> str:
    return f"{signed(pair.gap, percent)} ({size(pair.corrected.margin, percent)})"
