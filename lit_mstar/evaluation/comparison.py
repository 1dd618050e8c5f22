"""Two results side by side: differences over the problems that both were asked."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

from lit_mstar.evaluation.graded import Graded
from lit_mstar.evaluation.intervals import Interval, difference_interval, mean_of_means
from lit_mstar.evaluation.results import read_graded
from lit_mstar.evaluation.tables import percent

_MARGIN = 1e-12


def compare(first: Path, second: Path) -> list[dict[str, Any]]:
    """For each benchmark of both, and at last for their mean, the paired difference with its interval.

    Args:
        first: A results folder.
        second: Another.

    Raises:
        ValueError: If one is no results folder, or they have no benchmark in common.
    """
    ours, theirs = read_index(first), read_index(second)
    rows = []
    for name in [name for name in ours if name in theirs]:
        if ours[name]["rule"] != theirs[name]["rule"]:
            raise ValueError(
                f"{name} is scored by {ours[name]['rule']} in {first}, and by {theirs[name]['rule']} in {second}; "
                "`lit-mstar regrade` one of them with the other's config."
            )
        rows.append(_compared(name, _problems(first, ours[name]), _problems(second, theirs[name])))
    if not rows:
        raise ValueError(f"{first} has {', '.join(ours)}, {second} {', '.join(theirs)}: no benchmark is in both.")
    return [*rows, _mean(rows)]


def read_index(folder: Path) -> dict[str, dict[str, Any]]:
    """The benchmarks of a results folder, by name.

    Raises:
        ValueError: If it is none.
    """
    file = folder / "results.json"
    if not file.is_file():
        raise ValueError(f"{folder} has no results.json; give the folder that `lit-mstar test` wrote.")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {str(row["name"]): row for row in found["benchmarks"] if row.get("accuracy")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} is no results file ({error!r}); give the folder that `lit-mstar test` wrote."
        ) from error


def show(first: str, second: str, rows: list[dict[str, Any]]) -> str:
    """The comparison as a Markdown table."""
    lines = [f"| | problems | {first}, % | {second}, % | difference | 95% | became right | became wrong |"]
    lines.append("|---|--:|--:|--:|--:|---|--:|--:|")
    for row in rows:
        gap = f"{100 * row['value']:+.1f}"
        ends = f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f}"
        figures = [percent(row["first"]), percent(row["second"]), gap, ends]
        lines.append(f"| {row['name']} | {row['n']} | {' | '.join(figures)} | {row['gained']} | {row['lost']} |")
        if row["only_one"] and row["name"] != "mean":
            lines.append(f"\n{row['name']}: {row['only_one']} problems are in one of the two only, and left out.")
    return "\n".join(lines)


def _mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean over benchmarks, which weigh the same."""
    found = mean_of_means([Interval.of(row) for row in rows])
    means = {name: fmean(row[name] for row in rows) for name in ("first", "second")}
    sums = {name: sum(row[name] for row in rows) for name in ("gained", "lost", "only_one")}
    return {"name": "mean", **vars(found), **means, **sums}


def _problems(folder: Path, result: dict[str, Any]) -> dict[str, Graded]:
    graded = read_graded(folder / result["folder"] / "graded.parquet")["greedy"]
    wanted = set(result["counted"])
    return {problem.id: problem for problem in graded if problem.id in wanted}


def _compared(name: str, first: dict[str, Graded], second: dict[str, Graded]) -> dict[str, Any]:
    both = [key for key in first if key in second]
    before, after = ([fmean(rows[key].official) for key in both] for rows in (first, second))
    found = difference_interval(before, after, [first[key].cluster for key in both])
    gaps = [b - a for a, b in zip(before, after, strict=True)]
    return {
        "name": name,
        **vars(found),
        "first": fmean(before),
        "second": fmean(after),
        "gained": sum(gap > _MARGIN for gap in gaps),
        "lost": sum(gap < -_MARGIN for gap in gaps),
        "only_one": len(first.keys() ^ second.keys()),
    }
