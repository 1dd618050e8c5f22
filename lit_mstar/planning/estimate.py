"""A stage's memory in each of its phases, under each way to divide the model."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from lit_mstar.models.backbone import Backbone
from lit_mstar.planning.activations import activations
from lit_mstar.planning.memory import Memory, decoding, element_size, scoring, training, weights
from lit_mstar.planning.stage import Stage, argument
from lit_mstar.planning.workload import Workload, workload
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.samplers import TransformersSampler

GB = 1e9  # bytes
_MOMENTS = {"SGD": 0}  # numbers that an optimizer keeps for each weight; AdamW and others two
_DEFAULT_SAMPLER = {"class_path": f"{TransformersSampler.__module__}.TransformersSampler"}

Ways = dict[str, Memory]


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
    phases: dict[str, Ways]
    strategy: str
    work: Workload
    prompt: int
    image: int
    response: int

    @property
    def most(self) -> float:
        """Bytes of the phase that needs most, under the config's strategy."""
        return max((found[self.strategy].total for found in self.phases.values()), default=0.0)


@dataclass(frozen=True)
class Changes:
    """Settings to take instead of a config's own; None takes those."""

    backbone: Backbone | None = None
    batch_size: int | None = None
    sampler_batch: int | None = None
    scored: int | None = None
    accumulates: bool | None = None
    strategy: str | None = None


def estimate(
    stage: Stage, gpus: int, memory: float, stages: Sequence[Stage] = (), changes: Changes = Changes()
) -> Estimate:
    """Finds out what a stage needs.

    Args:
        stage: The stage.
        gpus: How many there are.
        memory: Of each, in bytes; what an engine takes is a share of it.
        stages: All of its recipe: the reward model that scores is one of them.
        changes: Settings to try.
    """
    backbone = changes.backbone or stage.backbone
    problem, response = _example(stage, stages)
    case = _Case(stage, backbone, problem, response, gpus, memory, changes)
    phases: dict[str, Ways] = {}
    if stage.trains:
        phases["training"] = case.training()
    if stage.kind != "prm":
        phases["sampling"] = case.sampling()
    prm = next((other.backbone for other in stages if other.kind == "prm"), None)
    if stage.filter and prm is not None:
        phases["scoring"] = case.scoring(prm, changes.scored or int(argument(stage.filter, "batch_size")))
    sharded = any(name in str(stage.trainer.get("strategy")).lower() for name in ("fsdp", "modelparallel"))
    return Estimate(
        stage=stage.name,
        total=case.weights.total,
        trainable=case.weights.trainable,
        phases=phases,
        strategy=changes.strategy or ("sharded" if sharded else "whole"),
        work=workload(stage, gpus),
        prompt=case.prompt,
        image=case.image,
        response=response,
    )


class _Case:
    """A stage with all that its phases have in common."""

    def __init__(
        self,
        stage: Stage,
        backbone: Backbone,
        problem: Problem,
        response: int,
        gpus: int,
        memory: float,
        changes: Changes,
    ) -> None:
        self.stage, self.backbone, self.problem, self.memory, self.changes = stage, backbone, problem, memory, changes
        self.ways = {"whole": 1, "sharded": gpus}
        self.head = stage.kind != "prm"
        self.precision = str(stage.trainer.get("precision", "32-true"))
        self.size = element_size(backbone, self.precision)
        self.weights = weights(backbone, self.head)
        self.image = backbone.encoder.image_tokens(problem)
        self.prompt = len(backbone.encoder.prompt_ids(problem)) - len(problem.images) + self.image
        self.response = response
        optimizer = str((stage.model("optimizer") if stage.trains else None) or "")
        known = (moments for name, moments in _MOMENTS.items() if f".{name}'" in optimizer)
        self.moments = next(known, 2) if stage.trains else 0

    def training(self) -> Ways:
        kept = activations(self.backbone, self.problem, self.precision, self.head)
        rows, checkpointed = self.changes.batch_size or int(self.stage.data("batch_size")), self.checkpointed
        peak = kept.peak(rows, self.prompt + self.response, self.image, self.response, checkpointed)
        accumulates = self.changes.accumulates or int(self.stage.trainer.get("accumulate_grad_batches", 1)) > 1
        return {way: training(self.weights, peak, self.moments, n, accumulates) for way, n in self.ways.items()}

    @property
    def checkpointed(self) -> bool:
        return self.backbone.gradient_checkpointing

    def sampling(self) -> Ways:
        sampler = self.stage.model("sampler") or _DEFAULT_SAMPLER
        given: Any = sampler.get("init_args") or {}
        if given.get("apart"):  # on other machines
            return self._beside(Memory())
        sampler = given.get("engine") or sampler  # of whose replicas one may be beside the trainer
        share = argument(sampler, "gpu_memory_utilization")
        if share is not None:
            return self._beside(Memory(engine=share * self.memory))
        rows = self.changes.sampler_batch or int(argument(sampler, "batch_size") or 0)
        drawn = decoding(self.backbone, rows, self.prompt + self.response, self.size)
        ways = self._beside(drawn)
        # A model that is divided is copied whole to sample from.
        sharded = ways["sharded"]
        return ways | {"sharded": replace(sharded, weights=sharded.weights + self.weights.bytes)}

    def scoring(self, prm: Backbone, rows: int) -> Ways:
        kept = activations(prm, self.problem, self.precision, False)
        return self._beside(scoring(prm, weights(prm, False), kept, rows, self.prompt, self.response, self.size))

    def _beside(self, need: Memory) -> Ways:
        """What a phase needs, and the model in training with the optimizer's moments beside it."""
        moments = self.moments * self.weights.trained_bytes
        return {
            way: replace(need, weights=need.weights + self.weights.bytes / n, optimizer=moments / n)
            for way, n in self.ways.items()
        }


def _example(stage: Stage, stages: Sequence[Stage]) -> tuple[Problem, int]:
    """A problem with as many images as most, one of our own where there is none yet, and the longest response.

    A reward model learns from what an earlier stage has labelled.
    """
    labelled = [other for other in stages if other.kind == "annotator"]
    source = labelled[-1] if stage.kind == "prm" and labelled else stage
    response = max((params.max_tokens for params in source.drawn()), default=512)
    if source.problems:
        return max(source.problems[:1000], key=lambda p: (len(p.images), len(p.question))), response
    buffer = io.BytesIO()
    Image.new("RGB", (448, 448)).save(buffer, format="PNG")
    return Problem(id="example", question="What does the picture show? " * 8, images=(buffer.getvalue(),)), response
