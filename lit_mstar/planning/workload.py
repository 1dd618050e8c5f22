"""Responses, tokens and optimizer steps of a stage."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lightning.pytorch.cli import instantiate_class
from PIL import Image

from lit_mstar.planning.stage import Stage
from lit_mstar.rollouts.nouns import Problem


@dataclass(frozen=True)
class Workload:
    """What a stage does in an epoch, at most.

    Args:
        problems: Problems of the split that it learns from; None where nobody can tell without running.
        responses: Sampled in an iteration.
        tokens: Of these, at most.
        steps: Optimizer steps in an epoch, at most.
        epochs: As many, in all.
    """

    problems: int | None
    responses: int | None = None
    tokens: int | None = None
    steps: int | None = None
    epochs: int = 1


def workload(stage: Stage, problems: int | None, gpus: int, kept: int = 2) -> Workload:
    """Counts them from a stage's config.

    Args:
        stage: A stage.
        problems: How many it has; None where that is unknown.
        gpus: Processes that share each step.
        kept: Responses to learn from for each problem, at most (the paper's top 2).
    """
    data, trainer, model = stage.data, stage.trainer, stage.model
    epochs = int(trainer.get("max_epochs") or 1) if stage.trains else 1
    if stage.kind == "prm":
        return Workload(problems=None, epochs=epochs)
    if stage.kind == "annotator":
        drawn = model.get("responses") or {}
        responses = _times(problems, drawn.get("n", 16))
        return Workload(problems, responses, _times(responses, drawn.get("max_tokens", 512)))
    step = int(data.get("batch_size", 128)) * int(trainer.get("accumulate_grad_batches", 1)) * gpus
    if not stage.evolves:
        return Workload(problems, steps=None if problems is None else math.ceil(problems / step), epochs=epochs)
    drawn = data.get("sampling") or {}
    share = None if problems is None else math.ceil(problems * float(data.get("interval", 0.25)))
    n = int(drawn.get("n", 16))
    responses, learned = _times(share, n), _times(share, kept if stage.scores else n)
    steps = None if learned is None else math.ceil(learned / step)
    return Workload(problems, responses, _times(responses, drawn.get("max_tokens", 512)), steps, epochs)


def example(stage: Stage, before: Sequence[Stage] = ()) -> tuple[Problem, int | None]:
    """A problem with as many images as most, and how many there are; one of our own where the source has none yet.

    Args:
        stage: A stage; a reward model learns from what an earlier one has labelled.
        before: The stages before it.
    """
    if stage.kind == "prm" and (labelled := [other for other in before if other.kind == "annotator"]):
        return example(labelled[-1])[0], None
    split = "train" if stage.evolves or stage.kind == "annotator" else "seed"
    source = stage.data.get("source")
    try:
        problems = instantiate_class((), {"init_args": {}} | source).problems(split) if source else []
    except (ValueError, OSError):  # its files are not there yet, or have rows that are not right yet
        problems = []
    if problems:
        return max(problems[:1000], key=lambda problem: (len(problem.images), len(problem.question))), len(problems)
    buffer = io.BytesIO()
    Image.new("RGB", (448, 448)).save(buffer, format="PNG")
    return Problem(id="example", question="What does the picture show? " * 8, images=(buffer.getvalue(),)), None


def _times(number: int | None, factor: Any) -> int | None:
    return None if number is None else number * int(factor)
