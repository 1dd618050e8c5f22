"""What in a run can be handed on: a policy, a process reward model, or the steps that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_mstar.modules.prm import HEAD_FILE
from lit_mstar.report.run import Run, Stage, find_run
from lit_mstar.step_labels.formats.rows import KINDS

Kind = Literal["policy", "prm", "steps"]


@dataclass(frozen=True)
class Exported:
    """A folder to be handed on.

    Args:
        kind: What is in it.
        folder: Where it is.
        run: What it comes from; None for a folder that stands alone.
        stage: Of the run.
    """

    kind: Kind
    folder: Path
    run: Run | None = None
    stage: Stage | None = None


def find_exported(path: Path, what: Kind | None = None) -> Exported:
    """What is meant by a run, a stage, or a folder of one of its results.

    Args:
        path: Of a run's folder, the policy of its last stage that has one is meant, unless `what` says otherwise.
        what: The kind that is wanted.

    Raises:
        ValueError: If there is no such thing.
    """
    if kind := _kind(path):
        if not (path.parent / "config.yaml").is_file():
            return _wanted(Exported(kind, path), what)
        return _wanted(Exported(kind, path, _whole(path.parent), Stage(path.parent)), what)
    run = find_run(path)
    found = [
        Exported(kind, folder, _whole(stage.folder), stage)
        for stage in reversed(run.stages)
        for folder in (stage.folder / "model", stage.folder / "steps")
        if (kind := _kind(folder))
    ]
    chosen = [one for one in found if one.kind == what] if what else sorted(found, key=lambda one: one.kind != "policy")
    if not chosen:
        there = ", ".join(f"{one.kind} in {one.folder}" for one in found) or "nothing yet; a stage writes it at its end"
        raise ValueError(f"{path} has no {what or 'model'} to export: there is {there}.")
    return chosen[0]


def _kind(folder: Path) -> Kind | None:
    if (folder / HEAD_FILE).is_file():
        return "prm"
    if any((folder / name).is_file() for name in ("config.json", "adapter_config.json")):
        return "policy"
    if folder.is_file():
        return "steps" if folder.suffix in KINDS else None
    known = ("train*.parquet", "*.jsonl") if not (folder / "config.yaml").exists() else ("train*.parquet",)
    return "steps" if folder.is_dir() and any(any(folder.glob(name)) for name in known) else None


def _whole(folder: Path) -> Run:
    """The recipe's run that a stage belongs to, or the stage as a run."""
    recipe = folder.parent
    return find_run(recipe if (recipe / "run.json").is_file() else folder)


def _wanted(found: Exported, what: Kind | None) -> Exported:
    if what not in (None, found.kind):
        raise ValueError(f"{found.folder} holds a {found.kind}, no {what}.")
    return found
