"""Figures and histograms, through whatever a Lightning logger has for them; what has nothing says so once."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger, MLFlowLogger
from lightning.pytorch.utilities import rank_zero_warn
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from lit_mstar.charts.rewards import histogram
from lit_mstar.charts.theme import styled

_DPI = 110
_BINS = 20


def anyone_shows(trainer: Trainer) -> bool:
    """Whether a logger has something for figures; every rank must ask, and all get the first one's answer.

    Only the first rank's loggers are real, and what is made for figures alone may need all ranks.
    """
    return bool(trainer.strategy.broadcast(bool(_showing(trainer))))


def log_figure(trainer: Trainer, tag: str, figure: Figure, step: int) -> None:
    """Sends a figure to all loggers of a trainer that show figures, as a picture at a step.

    Known are loggers whose experiment takes figures (`add_figure` as of TensorBoard, `log_figure` as of MLflow and
    Comet), and those that have `log_image` themselves, as W&B's and others' have.
    """
    if not trainer.is_global_zero:  # whose loggers are not real
        return
    figure.patch.set_alpha(1)
    with styled():
        for logger in _showing(trainer):
            _send(logger, tag, figure, step)


def log_histograms(trainer: Trainer, values: Mapping[str, Sequence[float]], step: int) -> None:
    """Sends scores in [0, 1] of `right` and `wrong` as two histograms, or as one figure where there are none."""
    if not trainer.is_global_zero:
        return
    others = []
    for logger in trainer.loggers:
        experiment: Any = getattr(logger, "experiment", None)
        if not hasattr(experiment, "add_histogram"):
            others.append(logger)
            continue
        for name, scores in values.items():
            if len(scores):
                experiment.add_histogram(f"reward/step_scores_{name}", np.asarray(scores), step)
    if others and all(map(len, values.values())):
        with styled():
            figure = histogram(_counts(values["right"]), _counts(values["wrong"]))
            figure.patch.set_alpha(1)
            for logger in filter(_shows, others):
                _send(logger, "reward/step_scores", figure, step)


def pixels(figure: Figure) -> Image.Image:
    """A figure, drawn."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font does not have
        figure.savefig(buffer, format="png", dpi=_DPI)
    return Image.open(buffer).convert("RGB")


def _showing(trainer: Trainer) -> list[Logger]:
    """The loggers that have something for figures; the others are told of once."""
    for logger in trainer.loggers:
        if not _shows(logger):
            rank_zero_warn(
                f"{type(logger).__name__} shows no figures (temperature searches, followed problems); `lit-mstar "
                "report` draws them from what is on disk."
            )
    return [logger for logger in trainer.loggers if _shows(logger)]


def _shows(logger: Logger) -> bool:
    experiment = getattr(logger, "experiment", None)
    return hasattr(logger, "log_image") or any(hasattr(experiment, name) for name in ("add_figure", "log_figure"))


def _send(logger: Logger, tag: str, figure: Figure, step: int) -> None:
    experiment: Any = getattr(logger, "experiment", None)
    if hasattr(experiment, "add_figure"):
        experiment.add_image(tag, np.asarray(pixels(figure)), step, dataformats="HWC")
    elif isinstance(logger, MLFlowLogger):
        experiment.log_figure(logger.run_id, figure, f"{tag}/{step:04d}.png")
    elif hasattr(logger, "log_image"):
        logger.log_image(tag, [pixels(figure)], step)
    else:
        experiment.log_figure(figure_name=tag, figure=figure, step=step)


def _counts(scores: Sequence[float]) -> list[float]:
    counts: NDArray[np.int64] = np.histogram(scores, bins=_BINS, range=(0, 1))[0]
    return [float(count) for count in counts]
