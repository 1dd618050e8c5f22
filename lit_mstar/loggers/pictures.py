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


def log_figure(trainer: Trainer, tag: str, figure: Figure, step: int) -> None:
    """Sends a figure to all loggers of a trainer; they show the latest, or a slider over steps.

    Known are loggers whose experiment takes figures (`add_figure` as of TensorBoard, `log_figure` as of MLflow and
    Comet), and those that have `log_image` themselves, as W&B's and others' have.
    """
    for logger in trainer.loggers:
        figure.patch.set_alpha(1)
        with styled():
            if not _sent(logger, tag, figure, step):
                rank_zero_warn(
                    f"{type(logger).__name__} shows no figures (temperature searches, followed problems); `lit-mstar "
                    "report` draws them from what is on disk."
                )


def log_histograms(trainer: Trainer, values: Mapping[str, Sequence[float]], step: int) -> None:
    """Sends scores in [0, 1] of `right` and `wrong` as two histograms, or as one figure where there are none."""
    for logger in trainer.loggers:
        if hasattr(logger, "experiment") and hasattr(logger.experiment, "add_histogram"):
            for name, scores in values.items():
                if len(scores):
                    logger.experiment.add_histogram(f"reward/step_scores_{name}", np.asarray(scores), step)
    others = [one for one in trainer.loggers if not hasattr(getattr(one, "experiment", None), "add_histogram")]
    if others and all(map(len, values.values())):
        with styled():
            figure = histogram(_counts(values["right"]), _counts(values["wrong"]))
            figure.patch.set_alpha(1)
            for logger in others:
                _sent(logger, "reward/step_scores", figure, step)


def pixels(figure: Figure) -> Image.Image:
    """A figure, drawn."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font does not have
        figure.savefig(buffer, format="png", dpi=_DPI)
    return Image.open(buffer).convert("RGB")


def _sent(logger: Logger, tag: str, figure: Figure, step: int) -> bool:
    """Whether the logger has something for figures."""
    experiment: Any = getattr(logger, "experiment", None)
    if hasattr(experiment, "add_figure"):
        experiment.add_image(tag, np.asarray(pixels(figure)), step, dataformats="HWC")
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_figure(logger.run_id, figure, f"{tag}/{step:04d}.png")
    elif hasattr(logger, "log_image"):
        logger.log_image(tag, [pixels(figure)], step)
    elif hasattr(experiment, "log_figure"):
        experiment.log_figure(figure_name=tag, figure=figure, step=step)
    else:
        return False
    return True


def _counts(scores: Sequence[float]) -> list[float]:
    counts: NDArray[np.int64] = np.histogram(scores, bins=_BINS, range=(0, 1))[0]
    return [float(count) for count in counts]
