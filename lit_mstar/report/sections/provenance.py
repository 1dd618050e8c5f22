"""Where things come from: a response from an iteration, this from weights and parameters, all of it from a config."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from lit_mstar.report.run import Run, Stage
from lit_mstar.report.tally import Tally

_DIGITS = 12  # of a digest that are shown


def iterations(found: Sequence[Tally]) -> list[dict[str, str]]:
    """How each iteration was sampled, and what became of it."""
    return [_iteration(tally) for tally in found]


def stages(run: Run) -> Iterator[dict[str, Any]]:
    """Each stage with its checkpoint, the digest of its config, and the config itself."""
    for stage in run.stages:
        text = yaml.safe_dump(stage.config, sort_keys=False, allow_unicode=True) if stage.config else ""
        yield {
            "name": stage.name,
            "done": bool(stage.summary),
            "checkpoint": str(stage.summary.get("checkpoint", "")).rpartition("/")[2],
            "model": model_of(stage),
            "digest": hashlib.sha256(text.encode()).hexdigest()[:_DIGITS] if text else "",
            "config": text,
        }


def note_of(tally: Tally, stage: Stage) -> str:
    """Where an iteration's responses come from, in a line."""
    sampling = tally.header.get("sampling", {})
    weights = f"weights {tally.header['weights']}, " if tally.header.get("weights") else ""
    return f"{stage.name}, {weights}T = {sampling.get('temperature', 0):g}, seed {sampling.get('seed')}"


def model_of(stage: Stage) -> str:
    """Which model a stage begins with."""
    options = stage.config.get("model", {}).get("init_args", {}) if isinstance(stage.config.get("model"), dict) else {}
    described = options.get("backbone") or options.get("policy", {}).get("init_args", {}).get("backbone") or {}
    kind = str(described.get("class_path", "")).rpartition(".")[2]
    path = str(described.get("init_args", {}).get("path") or kind)
    return "/".join(Path(path).parts[-3:]) if Path(path).is_absolute() else path


def source_of(stage: Stage) -> str:
    """Which problems it is about."""
    data = stage.config.get("data") or {}
    described = data.get("init_args", {}).get("source") or {} if isinstance(data, dict) else {}
    options = described.get("init_args", {})
    path = options.get("path") or options.get("train")
    name = str(described.get("class_path", "")).rpartition(".")[2]
    return f"{name} {path}" if isinstance(path, str) else name


def _iteration(tally: Tally) -> dict[str, str]:
    sampling = tally.header.get("sampling", {})
    return {
        "iteration": str(tally.index),
        "weights": str(tally.header.get("weights", ""))[:_DIGITS],
        "temperature": f"{sampling.get('temperature', 0):g}",
        "problems": f"{len(tally.asked):,}",
        "n": str(sampling.get("n", "")),
        "max tokens": str(sampling.get("max_tokens", "")),
        "seed": str(sampling.get("seed", "")),
        "right": f"{tally.right:,} of {tally.sampled:,}",
        "kept": f"{tally.kept:,}",
    }
