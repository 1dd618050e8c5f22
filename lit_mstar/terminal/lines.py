"""The lines that a run leaves on the terminal: one an iteration, now and then one an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lit_mstar.rollouts.nouns import Iteration

_COLUMNS = {"iteration": 9, "T": 4, "sampled": 7, "right": 6, "kept": 6, "accuracy": 8, "pass@k": 7}


def header_line() -> str:
    """What the columns of `iteration_line` are."""
    return "  ".join([*(name.rjust(width) for name, width in _COLUMNS.items()), "seconds"])


def iteration_line(trainer: Any, iteration: Iteration, seconds: Mapping[str, float]) -> str:
    """An iteration: temperature, what was sampled, right and kept, what the policy is worth, seconds by phase.

    Args:
        trainer: Its `callback_metrics` have the validation accuracy.
        iteration: That has ended.
        seconds: By phase.
    """
    metrics, counts = iteration.metrics, iteration.counts
    sampled = counts["sampled"]
    cells = [
        f"{iteration.index}/{trainer.max_epochs - 1}",  # from 0 on, as in the ledger
        f"{iteration.sampling.temperature:g}",
        f"{sampled}",
        _share(counts["correct"] / sampled if sampled else None),
        f"{counts['kept']}",
        _share(metrics.get("greedy_accuracy", trainer.callback_metrics.get("val/accuracy"))),
        _share(metrics.get("pass_at_k")),
    ]
    row = [cell.rjust(width) for cell, width in zip(cells, _COLUMNS.values(), strict=True)]
    return "  ".join([*row, _times(seconds)])


def epoch_line(trainer: Any, seconds: Mapping[str, float]) -> str:
    """An epoch of a stage that samples nothing: what was logged for progress bars, and seconds."""
    shown = (f"{name} {float(value):.3g}" for name, value in trainer.progress_bar_metrics.items())
    return "  ".join([f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", *shown, _times(seconds)])


def _share(value: Any) -> str:
    return "-" if value is None else f"{float(value):.1%}"


def _times(seconds: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {took:.0f}" for name, took in seconds.items() if took >= 0.5)
