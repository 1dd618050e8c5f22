"""Which stages a study needs: a stage that several variants share, in this or another study, runs once.

A stage's folder is named by a digest of all that decides its result: its config and overlays, the seed, and the same of
the stages before it. So a changed config runs anew, and what is there is never mistaken for it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_mstar.commands.stage_run import StageRun, home_of, move_paths
from lit_mstar.front.changes import Config
from lit_mstar.front.recipe import read_config
from lit_mstar.studies.definition import Study


@dataclass(frozen=True, kw_only=True)
class VariantRun:
    """A variant with one seed: its stages, in order."""

    variant: str
    seed: int
    stages: list[StageRun]


def plan(study: Study, recipe: Path, store: Path, seeds: int, first: int = 0) -> list[VariantRun]:
    """All runs of a study, seed by seed.

    Args:
        study: What is to be run.
        recipe: The folder of its base recipe.
        store: Where stages go, shared by studies.
        seeds: How many.
        first: The first of them.

    Raises:
        ValueError: If the recipe has no stages, or a variant names one that it lacks.
    """
    configs = {file.stem: read_config(file) for file in sorted(recipe.glob("[0-9]*.yaml"))}
    if not configs:
        raise ValueError(f"{recipe} has no stage configs (1-….yaml, 2-….yaml); correct the study's recipe.")
    for variant, override in {"common": study.common, **study.variants}.items():
        if unknown := set(override or ()) - set(configs):
            raise ValueError(f"{variant} changes {', '.join(sorted(unknown))}; stages are {', '.join(configs)}.")
    return [
        VariantRun(variant=name, seed=seed, stages=_stages(study, name, configs, store / recipe.resolve().name, seed))
        for seed in range(first, first + seeds)
        for name in study.variants
    ]


def predecessors(runs: list[VariantRun]) -> dict[StageRun, StageRun | None]:
    """The stages to run, each once, with the stage that must be complete before; in the order of the runs."""
    found: dict[Path, tuple[StageRun, StageRun | None]] = {}
    for run in runs:
        for before, stage in zip([None, *run.stages], run.stages, strict=False):
            found.setdefault(stage.folder, (stage, before))
    return dict(found.values())


def _stages(study: Study, variant: str, configs: dict[str, Config], store: Path, seed: int) -> list[StageRun]:
    stages: dict[str, StageRun] = {}
    digest = f"seed {seed}"
    for name, config in configs.items():
        laid = (study.common, study.variants[variant] or {})
        overlays = [override[name] for override in laid if name in override]
        digest = _digest([digest, config, overlays])
        folder = store / f"seed={seed}" / f"{name}-{digest[:8]}"
        moved = _moved([config, *overlays], home_of(config), {n: s.folder for n, s in stages.items()} | {name: folder})
        stages[name] = StageRun(name=name, config=moved[0], overlays=moved[1:], folder=folder, seed=seed)
    return list(stages.values())


def _moved(configs: list[Config], home: str, folders: dict[str, Path]) -> list[Config]:
    return [move_paths(config, home, lambda stage: folders.get(stage, Path(home) / stage)) for config in configs]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
