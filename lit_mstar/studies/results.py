"""What the runs of a study measured, as flat numbers: what tables, plots and findings are made from, and is kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from lit_mstar.files import atomic
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.studies.plan import VariantRun


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run of a variant.

    Args:
        variant: Its name.
        seed: Its seed.
        metrics: Its numbers, see `measured`.
        iterations: What each iteration of self-evolution measured.
    """

    variant: str
    seed: int
    metrics: dict[str, float]
    iterations: list[dict[str, float]] = field(default_factory=list)


def collect(run: VariantRun) -> Result:
    """Reads what the stages of a complete run left behind."""
    last = run.stages[-1]
    summary = json.loads((last.folder / "summary.json").read_text())
    headers = Ledger(last.folder / "rollouts").headers()
    iterations = [{"iteration": header["index"], **header.get("metrics", {})} for header in headers]
    return Result(variant=run.variant, seed=run.seed, metrics=measured(summary, iterations), iterations=iterations)


def measured(summary: dict[str, Any], iterations: list[dict[str, float]]) -> dict[str, float]:
    """The numbers of a run: the last stage's, `minutes`, and of each metric of its iterations four more.

    Args:
        summary: The stage's `summary.json`.
        iterations: Metrics by iteration; not every metric need be in every one.

    Returns:
        The summary's numbers, and `m/first`, `m/last`, `m/change` (last minus first) and `m/mean` of each metric m.
    """
    numbers = {name: float(value) for name, value in summary.items() if isinstance(value, int | float)}
    numbers["minutes"] = numbers.pop("seconds") / 60
    for name in dict.fromkeys(name for row in iterations for name in row):
        values = [row[name] for row in iterations if name in row]
        numbers |= {f"{name}/first": values[0], f"{name}/last": values[-1], f"{name}/change": values[-1] - values[0]}
        numbers[f"{name}/mean"] = fmean(values)
    return numbers


def write_results(file: Path, results: list[Result], about: dict[str, Any]) -> None:
    """Keeps the results, with what they were made by."""
    with atomic(file) as partial:
        partial.write_text(json.dumps({**about, "runs": [asdict(result) for result in results]}, indent=1) + "\n")


def read_results(file: Path) -> list[Result]:
    """Reads what `write_results` wrote."""
    return [Result(**run) for run in json.loads(file.read_text())["runs"]]
