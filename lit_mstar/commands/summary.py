"""What a recipe's stages left behind, as one file and as a table."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lit_mstar.rollouts.ledger import Ledger

_COLUMNS = (
    "iteration",
    "temperature",
    "sampled",
    "correct",
    "kept",
    "faithful_kept",
    "greedy_accuracy",
    "pass_at_k",
    "reward_pass_at_2",
)
_VERSIONS = ("lit-mstar", "torch", "lightning", "transformers", "peft")


def summarize(recipe: str, out: Path, stages: list[str], seed: int) -> dict[str, Any]:
    """Collects what the stages left behind."""
    results = {stage: json.loads((out / stage / "summary.json").read_text()) for stage in stages}
    headers = [header for stage in stages for header in Ledger(out / stage / "rollouts").headers()]
    accuracies = [result["test_accuracy"] for result in results.values() if "test_accuracy" in result]
    prm: dict[str, Any] = next((result for result in results.values() if "step_auroc" in result), {})
    return {
        "recipe": recipe,
        "seed": seed,
        "versions": {name: version(name) for name in _VERSIONS},
        "stages": results,
        "prm": {name: prm.get(name) for name in ("step_auroc", "step_ece")},
        "iterations": [{"iteration": header["index"], **_scalars(header)} for header in headers],
        "test_accuracy_before": accuracies[0] if accuracies else None,
        "test_accuracy_after": accuracies[-1] if accuracies else None,
    }


def _scalars(header: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in header.get("metrics", {}).items() if not name.startswith("balance/")}


def table(summary: dict[str, Any]) -> str:
    """The summary as lines for a terminal."""
    lines = [f"\n{summary['recipe']}, seed {summary['seed']}"]
    for stage, result in summary["stages"].items():
        # Names with a slash are curves: too many for a line.
        shown = {
            name: value
            for name, value in result.items()
            if isinstance(value, float) and name != "seconds" and "/" not in name
        }
        figures = "  ".join(f"{name} {value:.3f}" for name, value in shown.items())
        lines.append(f"  {stage:<14}{result['seconds']:>7.1f} s  {figures}")
    measured = [row for row in summary["iterations"] if len(row) > 1]
    if measured:
        lines.append("\n  " + "  ".join(_COLUMNS))
    for row in measured:
        cells = (_cell(row.get(name)).rjust(len(name)) for name in _COLUMNS)
        lines.append("  " + "  ".join(cells))
    before, after = summary["test_accuracy_before"], summary["test_accuracy_after"]
    if before is not None:
        lines.append(f"\n  test accuracy {before:.1%} -> {after:.1%}")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
