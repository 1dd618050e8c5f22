"""A study's page in Markdown: tables, findings, and how it was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_mstar.studies.claims import POWER, RULES, claims, powers
from lit_mstar.studies.definition import Study
from lit_mstar.studies.intervals import by_seed, difference, estimate
from lit_mstar.studies.nouns import Quantity, Table
from lit_mstar.studies.results import Result
from lit_mstar.studies.verdicts import judge
from lit_mstar.studies.wording import interval, signed


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
        judged = judge(study, results)
        parts += ["## What is claimed", RULES, claims(judged), "## Power", POWER, powers(study, judged)]
        parts += [f"Planned: {study.plan.stopping}", study.plan.basis]
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
        value = interval(estimate([*by_seed(results, quantity).values()]), table.percent)
        gap = "(reference)" if name == table.reference else _gap(results, quantity, reference, table.percent)
        minutes = estimate([*by_seed(results, Quantity(variant=quantity.variant, metric="minutes")).values()]).mean
        lines.append(f"| {name} | {value} | {gap} | {minutes:.1f} |")
    return "\n".join(lines)


def _gap(results: Sequence[Result], quantity: Quantity, reference: Quantity, percent: bool) -> str:
    return signed(difference(results, quantity, reference), percent)


def _plain(value: Any) -> str:
    return ", ".join(f"{name} {item}" for name, item in value.items()) if isinstance(value, dict) else str(value)
