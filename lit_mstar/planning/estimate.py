"""A stage's memory in each of its phases, under each way to divide the model."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lit_mstar.models.backbone import Backbone
from lit_mstar.planning.activations import activations
from lit_mstar.planning.memory import Memory, decoding, element_size, scoring, training, weights
from lit_mstar.planning.stage import Stage
from lit_mstar.planning.workload import Workload, example, workload

GB = 1e9  # bytes
_MOMENTS = {"SGD": 0, "AdamW": 2, "Adam": 2}


@dataclass(frozen=True)
class Estimate:
    """What a stage needs.

    Args:
        stage: Its name.
        total: Weights of the model.
        trainable: Of these, trained.
        phases: Memory by phase ("training", "sampling", "scoring") and strategy ("whole", "sharded").
        strategy: The one that the config names.
        work: Responses and steps.
        prompt: Tokens of a prompt, of which `image` are an image's.
        image: Tokens of images.
        response: Longest response, in tokens.
    """

    stage: str
    total: int
    trainable: int
    phases: dict[str, dict[str, Memory]]
    strategy: str
    work: Workload
    prompt: int
    image: int
    response: int

    @property
    def most(self) -> float:
        """Bytes of the phase that needs most, under the config's strategy."""
        return max((found[self.strategy].total for found in self.phases.values()), default=0.0)


def estimate(stage: Stage, gpus: int, memory: float, stages: Sequence[Stage] = (), **changes: Any) -> Estimate:
    """Finds out what a stage needs.

    Args:
        stage: The stage.
        gpus: How many there are.
        memory: Of each, in bytes; what an engine takes is a share of it.
        stages: All of its recipe: the reward model that scores is one of them.
        **changes: Other values for `batch_size`, `sampler_batch`, `gradient_checkpointing`, `lora`, `strategy`.
    """
    backbone = changed(stage.backbone, changes)
    trainer, model, data = stage.trainer, stage.model, stage.data
    precision = str(trainer.get("precision", "32-true"))
    head, size = stage.kind != "prm", element_size(backbone, precision)
    problem, count = example(stage, stages)
    whole = weights(backbone, head)
    kept = activations(backbone, problem, precision, head, backbone.gradient_checkpointing)
    prompt = int(backbone.encoder.prompts([problem])["input_ids"].shape[1])
    image = max(0, prompt - len(backbone.encoder.prompt_ids(problem)) + len(problem.images))
    response = _longest(stage, stages)
    rows = int(changes.get("batch_size") or data.get("batch_size") or 128)
    moments = _MOMENTS.get(str((model.get("optimizer") or {}).get("class_path", "AdamW")).rpartition(".")[2], 2)
    accumulates = int(trainer.get("accumulate_grad_batches", 1)) > 1 or "accumulate" in changes
    peak = kept.peak(rows, prompt + response, image, response, backbone.gradient_checkpointing)
    phases: dict[str, dict[str, Memory]] = {}
    if stage.trains:
        ways = {"whole": 1, "sharded": gpus}
        phases["training"] = {way: training(whole, peak, moments, n, accumulates) for way, n in ways.items()}
    if stage.kind != "prm":
        sampler = model.get("sampler") or {}
        held = moments if stage.trains else 0
        if "VLLM" in str(sampler.get("class_path")):
            share = float((sampler.get("init_args") or {}).get("gpu_memory_utilization", 0.3))
            beside = Memory(weights=whole.bytes, optimizer=held * whole.trained_bytes, engine=share * memory)
            phases["sampling"] = {way: _divided(beside, n) for way, n in (("whole", 1), ("sharded", gpus))}
        else:
            batch = int(changes.get("sampler_batch", (sampler.get("init_args") or {}).get("batch_size", 256)))
            drawn = decoding(backbone, whole, held, batch, prompt + response, size)
            # A model that is divided is copied whole to sample from.
            copied = replace(drawn, weights=whole.bytes / gpus + whole.bytes, optimizer=drawn.optimizer / gpus)
            phases["sampling"] = {"whole": drawn, "sharded": copied}
    prm = next((other.backbone for other in stages if other.kind == "prm"), None)
    if stage.scores and prm is not None:
        judged = weights(prm, head=False)
        inner = activations(prm, problem, precision, False, False)
        beside = Memory(weights=whole.bytes, optimizer=moments * whole.trained_bytes)
        scores = scoring(prm, judged, inner, 256, prompt, response, size)
        phases["scoring"] = {
            way: replace(scores, weights=scores.weights + whole.bytes / n, optimizer=beside.optimizer / n)
            for way, n in (("whole", 1), ("sharded", gpus))
        }
    strategy = str(changes.get("strategy", "sharded" if _shards(trainer.get("strategy")) else "whole"))
    return Estimate(
        stage=stage.name,
        total=whole.total,
        trainable=whole.trainable,
        phases=phases,
        strategy=strategy,
        work=workload(stage, count, gpus),
        prompt=prompt,
        image=image,
        response=response,
    )


def changed(backbone: Backbone, changes: dict[str, Any]) -> Backbone:
    """The same model with other settings."""
    other = copy.copy(backbone)
    for name in ("gradient_checkpointing", "lora", "quantization"):
        if name in changes:
            setattr(other, name, changes[name])
    return other


def _longest(stage: Stage, before: Sequence[Stage]) -> int:
    """The longest response that a stage learns from or samples, in tokens."""
    if stage.kind == "prm" and (labelled := [other for other in before if other.kind == "annotator"]):
        return _longest(labelled[-1], ())
    drawn = [
        stage.data.get("sampling"),
        *(stage.model.get(name) for name in ("responses", "completions", "evaluation")),
    ]
    return max((int(params.get("max_tokens", 512)) for params in drawn if params), default=512)


def _shards(strategy: Any) -> bool:
    return "fsdp" in str(strategy).lower() or "modelparallel" in str(strategy).lower()


def _divided(memory: Memory, shards: int) -> Memory:
    return replace(memory, weights=memory.weights / shards, optimizer=memory.optimizer / shards)
