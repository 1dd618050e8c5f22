"""What to change where a stage does not fit, in the order of least harm, each with what it would then need."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lit_mstar.models.backbone import Backbone
from lit_mstar.planning.estimate import Changes, Estimate, estimate
from lit_mstar.planning.stage import Stage, argument

_LORA = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear"}
_SAMPLER_BATCH = 16
_SCORED = 16


def advice(stage: Stage, found: Estimate, gpus: int, memory: float, stages: Sequence[Stage]) -> list[tuple[str, float]]:
    """Changes that add up, until the stage fits: (what to write, bytes that it then needs)."""
    made: list[tuple[str, float]] = []
    for text, changes in _changes(stage, found, gpus):
        made.append((text, estimate(stage, gpus, memory, stages, changes).most))
        if made[-1][1] <= memory:
            break
    return made


def _changes(stage: Stage, found: Estimate, gpus: int) -> Iterator[tuple[str, Changes]]:
    """Yields (what to write, all changes so far)."""
    changes, backbone = Changes(), stage.backbone
    sampler = (stage.model("sampler") or {}) if stage.kind != "prm" else {}
    if int((sampler.get("init_args") or {}).get("batch_size") or 0) > _SAMPLER_BATCH:
        changes = replace(changes, sampler_batch=_SAMPLER_BATCH)
        yield f"sampler.init_args.batch_size: {_SAMPLER_BATCH}", changes
    if stage.filter and "scoring" in found.phases and int(argument(stage.filter, "batch_size")) > _SCORED:
        changes = replace(changes, scored=_SCORED)
        yield f"PRMFilter: batch_size: {_SCORED}", changes
    if not stage.trains:
        return
    real = bool(backbone.path)  # one that is built on the spot has neither of both settings
    if real and not backbone.gradient_checkpointing:
        backbone = _with(backbone, gradient_checkpointing=True)
        changes = replace(changes, backbone=backbone)
        yield "backbone: gradient_checkpointing: true", changes
    if (rows := int(stage.data("batch_size"))) > 1:
        steps = int(stage.trainer.get("accumulate_grad_batches", 1)) * rows
        changes = replace(changes, batch_size=1, accumulates=True)
        yield f"batch_size: 1, accumulate_grad_batches: {steps}", changes
    if gpus > 1 and found.strategy == "whole":
        changes = replace(changes, strategy="sharded")
        yield "--config configs/trainer/fsdp2.yaml", changes
    if real and backbone.adapter_config() is None:
        changes = replace(changes, backbone=_with(backbone, lora=_LORA))
        yield f"backbone: lora: {_LORA}", changes


def _with(backbone: Backbone, **settings: Any) -> Backbone:
    other = copy.copy(backbone)
    vars(other).update(settings)
    return other
