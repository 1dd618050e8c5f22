"""Rollouts to look at: image, responses and step scores, as text and pictures in TensorBoard."""

from __future__ import annotations

import re

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from lit_mstar.hooks import EvolutionCallback
from lit_mstar.rollouts.images import open_image
from lit_mstar.rollouts.nouns import Iteration, Response, Rollout


class SampleTable(EvolutionCallback):
    """Logs a few problems of each iteration with all their responses.

    Args:
        problems: How many problems to show.
    """

    def __init__(self, problems: int = 4) -> None:
        self.problems = problems

    def on_iteration_end(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Writes the tables; the step axis counts iterations, so none is overwritten."""
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                for row, rollout in enumerate(iteration.rollouts[: self.problems]):
                    logger.experiment.add_text(f"samples/{row}", table(rollout), iteration.index)
                    for image in rollout.problem.images[:1]:
                        pixels = np.asarray(open_image(image))
                        logger.experiment.add_image(f"samples/{row}", pixels, iteration.index, dataformats="HWC")


def table(rollout: Rollout) -> str:
    """One problem as a Markdown table: a row per response, the best scored first."""
    order = sorted(range(len(rollout.responses)), key=lambda i: -(rollout.responses[i].score or 0.0))
    rows = [_row(rollout.responses[i], i in rollout.selected) for i in order]
    header = "| kept | right | score | steps (score) | answer |\n|---|---|---|---|---|"
    problem = rollout.problem
    return f"**{_cell(problem.question)}** reference: {_cell(str(problem.answer))}\n\n" + "\n".join([header, *rows])


def _row(response: Response, kept: bool) -> str:
    scores = [f" ({score:.2f})" for score in response.step_scores] or [""] * len(response.steps)
    steps = "<br>".join(_cell(step) + score for step, score in zip(response.steps, scores, strict=True))
    score = "" if response.score is None else f"{response.score:.2f}"
    right = {True: "yes", False: "no", None: "?"}[response.correct]
    return f"| {'kept' if kept else ''} | {right} | {score} | {steps} | {_cell(str(response.answer))} |"


def _cell(text: str) -> str:
    """The text itself: what Markdown or HTML would take for a sign becomes a character reference."""
    return re.sub(r"[\\`*_{}\[\]<>|&~#!]", lambda sign: f"&#{ord(sign[0])};", " ".join(text.split()))
