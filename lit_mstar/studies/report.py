"""A study's page in Markdown: tables, findings, and how it was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_mstar.studies.definition import Finding, Quantity, Study, Table
from lit_mstar.studies.intervals import Estimate, by_seed, difference, estimate, judge
from lit_mstar.studies.results import Result


def page(study: Study, results: Sequence[Result], about: dict[str, Any], plots: Sequence[str]) -> str:
    """The whole page; `plots` are names of pictures beside it."""
    seeds = sorted({result.seed for result in results})
    parts = [f"# {study.title}", study.note]
    parts += [
        f"Mean ± 95% interval (Student's t) over seeds {', '.join(map(str, seeds))}; differences by seed. Minutes are "
        "those of the last stage, and of its last process where it was interrupted."
    ]
    parts += [part for table in study.tables for part in (f"## {table.title}", markdown(study, table, results))]
    if study.findings:
        parts += ["## What the paper claims", findings(study.findings, results)]
    parts += [f"![{name}]({name})" for name in plots]
    parts += ["## How it was made", *(f"- {name}: {_plain(value)}" for name, value in about.items())]
    return "\n\n".join(part for part in parts if part).replace("\n\n- ", "\n- ") + "\n"


def markdown(study: Study, table: Table, results: Sequence[Result]) -> str:
    """A table of the study."""
    rows = study.rows(table)
    reference = rows[table.reference]
    unit = ", %" if table.percent else ""
    lines = [f"| | mean{unit} | against {table.reference} | minutes |", "|---|---|---|---|"]
    for name, quantity in rows.items():
        value = _interval(estimate([*by_seed(results, quantity).values()]), table.percent)
        gap = "(reference)" if name == table.reference else _gap(results, quantity, reference, table.percent)
        minutes = estimate([*by_seed(results, Quantity(variant=quantity.variant, metric="minutes")).values()]).mean
        lines.append(f"| {name} | {value} | {gap} | {minutes:.1f} |")
    return "\n".join(lines)


def findings(claims: Sequence[Finding], results: Sequence[Result]) -> str:
    """What the study says of each claim, with the differences that it rests on, in units of the metric."""
    lines = ["| claim | here | differences |", "|---|---|---|"]
    for claim in claims:
        verdict, gaps = judge(results, claim)
        names = [_against(claim.more, less) for less in claim.less]
        shown = "<br>".join(f"{name}: {_signed(gap)}" for name, gap in zip(names, gaps, strict=True))
        lines.append(f"| {claim.claim} | **{verdict}** | {shown} |")
    return "\n".join(lines)


def _against(more: Quantity, less: Quantity) -> str:
    if more.metric == less.metric:
        return f"{more.variant} - {less.variant} ({more.metric})"
    if more.variant == less.variant:
        return f"{more.metric} - {less.metric} ({more.variant})"
    return f"{more.metric} ({more.variant}) - {less.metric} ({less.variant})"


def _gap(results: Sequence[Result], quantity: Quantity, reference: Quantity, percent: bool) -> str:
    gap = difference(results, quantity, reference)
    scale = 100 if percent else 1
    return _signed(Estimate(scale * gap.mean, scale * gap.margin), 1 if percent else 3)


def _interval(value: Estimate, percent: bool) -> str:
    return f"{100 * value.mean:.1f} ± {100 * value.margin:.1f}" if percent else f"{value.mean:.3f} ± {value.margin:.3f}"


def _signed(gap: Estimate, digits: int = 3) -> str:
    return f"{gap.mean:+.{digits}f} ± {gap.margin:.{digits}f}"


def _plain(value: Any) -> str:
    return ", ".join(f"{name} {item}" for name, item in value.items()) if isinstance(value, dict) else str(value)
