"""What the runs of a study measured, as flat numbers: what tables, plots and findings are made from, and is kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from lit_mstar.files import atomic
from lit_mstar.modules.tested import TESTED
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
        right: Which test problems were right, one bit each in the order of their ids, in hexadecimal; empty where
            nobody kept it.
    """

    variant: str
    seed: int
    metrics: dict[str, float]
    iterations: list[dict[str, float]] = field(default_factory=list)
    right: str = ""

    def outcomes(self) -> np.ndarray:
        """`right` as bool (M,)."""
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(self.right), np.uint8))
        return bits[: int(self.metrics.get("test_problems", len(bits)))].astype(bool)


def collect(run: VariantRun) -> Result:
    """Reads what the stages of a complete run left behind."""
    last = run.stages[-1]
    summary = json.loads((last.folder / "summary.json").read_text())
    headers = Ledger(last.folder / "rollouts").headers()
    iterations = [{"iteration": header["index"], **header.get("metrics", {})} for header in headers]
    numbers = measured(summary, iterations)
    return Result(
        variant=run.variant, seed=run.seed, metrics=numbers, iterations=iterations, right=_right(last.folder / TESTED)
    )


def _right(tested: Path) -> str:
    if not tested.is_file():
        return ""
    rows = pq.read_table(tested, columns=["problem_id", "correct"]).sort_by("problem_id")
    return np.packbits(np.array([right is True for right in rows["correct"].to_pylist()], bool)).tobytes().hex()


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
    return numbers | _over_iterations(iterations)


def _over_iterations(iterations: list[dict[str, float]]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name in dict.fromkeys(name for row in iterations for name in row):
        values = [row[name] for row in iterations if name in row]
        numbers |= {f"{name}/first": values[0], f"{name}/last": values[-1], f"{name}/change": values[-1] - values[0]}
        numbers[f"{name}/mean"] = fmean(values)
    return numbers


def write_results(file: Path, results: list[Result], about: dict[str, Any]) -> None:
    """Keeps the results, with what they were made by: a run a line, without what follows from its iterations."""
    heads = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in about.items()]
    runs = ",\n".join(json.dumps(_kept(result)) for result in results)
    with atomic(file) as partial:
        partial.write_text("{" + ",\n".join([*heads, f'"runs": [\n{runs}\n]']) + "}\n")


def read_results(file: Path) -> list[Result]:
    """Reads what `write_results` wrote."""
    runs = [Result(**run) for run in json.loads(file.read_text())["runs"]]
    return [replace(run, metrics=run.metrics | _over_iterations(run.iterations)) for run in runs]


def _kept(result: Result) -> dict[str, Any]:
    follows = _over_iterations(result.iterations)
    numbers = {name: value for name, value in result.metrics.items() if name not in follows}
    return asdict(replace(result, metrics=numbers))
