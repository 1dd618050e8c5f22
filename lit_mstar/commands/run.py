"""`lit-mstar run`: the stages of a recipe in order, each a Lightning run of its own.

A recipe is a folder of numbered stage configs. A complete stage is skipped, one that was killed goes on from its
last checkpoint. Every stage is a process of its own, started by the command a user would type.
"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lit_mstar.commands.children import Children
from lit_mstar.commands.recipe import read_config
from lit_mstar.commands.stage_run import StageRun, fitting, home_of, move_paths
from lit_mstar.files import atomic
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


def main(args: list[str]) -> None:
    """Parses the command line of `lit-mstar run` and runs the recipe."""
    parser = argparse.ArgumentParser(prog="lit-mstar run", description="Run all stages of a recipe in order.")
    parser.add_argument("recipe", type=Path, help="a folder of numbered stage configs: 1-warmup.yaml, …")
    parser.add_argument("--out", type=Path, help="where the run goes; where its configs say by default")
    parser.add_argument("--seed", type=int, default=0, help="seed_everything of every stage")
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        help="a config laid over every stage that has model options it names, such as configs/samplers/vllm.yaml",
    )
    options = parser.parse_args(args)
    run(options.recipe, options.out, options.seed, options.config)


def run(recipe: Path, out: Path | None = None, seed: int = 0, overlays: Sequence[Path] = ()) -> None:
    """Runs what is not complete, then writes and prints `out/summary.json`.

    Args:
        recipe: Folder of numbered stage configs.
        out: Where the run goes; where the stages' configs say by default.
        seed: `seed_everything` of every stage.
        overlays: Configs added to every stage, without options of the model that the stage does not have.

    Raises:
        SystemExit: If the recipe has no stages, `out` holds another run, or a stage fails.
    """
    if missing := [str(path) for path in overlays if not path.is_file()]:
        sys.exit(f"{', '.join(missing)}: no such config; correct --config.")
    stages = sorted(recipe.glob("[0-9]*.yaml"))
    if not stages:
        sys.exit(f"{recipe} has no stage configs (1-….yaml, 2-….yaml); name the folder of a recipe.")
    laid = [read_config(path) for path in overlays]
    configs = {file.stem: read_config(file) for file in stages}
    out = out or Path(home_of(next(iter(configs.values()))))
    added = {"configs": [path.name for path in overlays]} if overlays else {}
    _claim(out, {"recipe": recipe.name, "seed": seed, **added})
    for number, (name, config) in enumerate(configs.items(), start=1):
        moved = move_paths(config, home_of(config), lambda stage: out / stage)
        parts = [part for overlay in laid if (part := fitting(overlay, config))]
        stage = StageRun(name=name, config=moved, folder=out / name, seed=seed, overlays=parts)
        label = f"[{number}/{len(stages)}] {stage.name}"
        if stage.complete:
            print(f"{label}: complete, nothing to do", flush=True)
            continue
        print(f"{label}: {'resuming' if stage.started else 'starting'} in {stage.folder}", flush=True)
        _run_stage(stage)
    summary = summarize(recipe.name, out, [*configs], seed)
    with atomic(out / "summary.json") as partial:
        partial.write_text(json.dumps(summary, indent=1))
    print(table(summary))


def _run_stage(stage: StageRun) -> None:
    with Children() as children:
        code = stage.run(children)
    if children.stopped or (code in (0, -signal.SIGTERM) and not stage.complete):
        again = shlex.join(["lit-mstar", "run", *sys.argv[2:]]) if sys.argv[1:2] == ["run"] else "run the same again"
        print(f"Stopped in stage {stage.name}. To go on: {again}", flush=True)
        sys.exit(130 if code in (-signal.SIGINT, -signal.SIGKILL) else 0)  # a second Ctrl-C
    if code:
        sys.exit(f"Stage {stage.name} ended with exit code {code}; after mending the cause, run the same again.")


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


def _claim(out: Path, run: dict[str, Any]) -> None:
    """Notes whose run `out` is; refuses to mix two runs."""
    note = out / "run.json"
    if note.exists() and (other := json.loads(note.read_text())) != run:
        sys.exit(f"{out} holds {other}, not {run}; choose another --out, or remove it.")
    with atomic(note) as partial:
        partial.write_text(json.dumps(run))


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
    if summary["iterations"]:
        lines.append("\n  " + "  ".join(_COLUMNS))
    for row in summary["iterations"]:
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
