"""Responses, tokens and optimizer steps of a stage."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lit_mstar.planning.stage import Stage


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


def workload(stage: Stage, gpus: int, kept: int = 2) -> Workload:
    """Counts them from a stage's config and its source.

    Args:
        stage: A stage.
        gpus: Processes that share each step.
        kept: Responses to learn from for each problem, at most, where a PRM selects (the paper's top 2).
    """
    problems = len(stage.problems) or None
    epochs = int(stage.trainer.get("max_epochs") or 1) if stage.trains else 1
    if stage.kind == "prm" or problems is None:
        return Workload(problems=None, epochs=epochs)
    if stage.kind == "annotator":
        return _sampled(problems, problems, stage, None, epochs)
    step = int(stage.data("batch_size")) * int(stage.trainer.get("accumulate_grad_batches", 1)) * gpus
    if not stage.evolves:
        return Workload(problems, steps=math.ceil(problems / step), epochs=epochs)
    share = math.ceil(problems * float(stage.data("interval")))
    learned = share * (kept if stage.filter else stage.drawn()[0].n)
    return _sampled(problems, share, stage, math.ceil(learned / step), epochs)


def _sampled(problems: int, share: int, stage: Stage, steps: int | None, epochs: int) -> Workload:
    params = stage.drawn()[0]
    return Workload(problems, share * params.n, share * params.n * params.max_tokens, steps, epochs)
