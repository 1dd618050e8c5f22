"""What to change where a stage does not fit, in the order of least harm, each with what it would then need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lit_mstar.planning.estimate import Estimate, estimate
from lit_mstar.planning.stage import Stage

_LORA = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear"}


def advice(stage: Stage, found: Estimate, gpus: int, memory: float, stages: Sequence[Stage]) -> list[tuple[str, float]]:
    """Changes that add up, until the stage fits: (what to write, bytes that it then needs)."""
    made: list[tuple[str, float]] = []
    changes: dict[str, Any] = {}
    for text, change in _changes(stage, found, gpus):
        changes |= change
        made.append((text, estimate(stage, gpus, memory, stages, **changes).most))
        if made[-1][1] <= memory:
            break
    return made


def _changes(stage: Stage, found: Estimate, gpus: int) -> Iterator[tuple[str, dict[str, Any]]]:
    sampler = (stage.model.get("sampler") or {}).get("init_args") or {}
    if "sampling" in found.phases and int(sampler.get("batch_size", 0)) > 16:
        yield "sampler.init_args.batch_size: 16", {"sampler_batch": 16}
    if not stage.trains:
        return
    if not stage.backbone.gradient_checkpointing and stage.backbone.path:
        yield "backbone: gradient_checkpointing: true", {"gradient_checkpointing": True}
    rows = int(stage.data.get("batch_size", 128))
    if rows > 1:
        steps = int(stage.trainer.get("accumulate_grad_batches", 1)) * rows
        yield f"batch_size: 1, accumulate_grad_batches: {steps}", {"batch_size": 1, "accumulate": steps}
    if gpus > 1 and found.strategy == "whole":
        yield "--config configs/trainer/fsdp2.yaml", {"strategy": "sharded"}
    if stage.backbone.lora is None and stage.backbone.path:
        yield f"backbone: lora: {_LORA}", {"lora": _LORA}
