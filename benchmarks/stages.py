"""Stages 1 to 3 of the quickstart, shortened: a policy and a reward model for benchmarks to begin with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

QUICKSTART = Path(__file__).parents[1] / "configs" / "quickstart"
SHORT = {
    "1-warmup": ["fit", "--trainer.max_epochs", "12", "--trainer.limit_val_batches", "0"],
    "2-annotate": ["annotate", "--data.source.train", "300", "--data.source.validate", "40"],
    "3-prm": ["fit", "--trainer.max_epochs", "2"],
}


def lit_mstar(*args: str) -> None:
    """The command as a process of its own; what it says is shown if it fails.

    Raises:
        RuntimeError: If it fails.
    """
    done = subprocess.run([sys.executable, "-m", "lit_mstar", *args], capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"lit-mstar {' '.join(args)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def shortened(runs: Path) -> Path:
    """Runs the stages that are not in `runs` yet, in about a minute; returns `runs`."""
    for stage, (command, *options) in SHORT.items():
        folder = runs / stage
        if (folder / "summary.json").is_file():
            continue
        if stage != "1-warmup":
            options += begin_with(runs, stage)
        lit_mstar(
            command,
            "--config",
            str(QUICKSTART / f"{stage}.yaml"),
            "--out",
            str(folder),
            "--trainer.logger",
            "false",
            *options,
        )
    return runs


def begin_with(runs: Path, stage: str) -> list[str]:
    """The options that name what earlier stages left in `runs`, which the recipe seeks in its own folder."""
    policy = ["--model.backbone.path", str(runs / "1-warmup" / "model")]
    return policy + {
        "2-annotate": ["--model.folder", str(runs / "2-annotate" / "steps")],
        "3-prm": ["--data.folder", str(runs / "2-annotate" / "steps")],
    }.get(stage, [])
