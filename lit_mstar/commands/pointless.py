"""Whether a stage's result leaves the stages after it anything to work with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ENOUGH = 100  # test problems of which none was answered, ours: then fewer than 3% are (with 95% confidence)


def pointless(name: str, summary: Mapping[str, Any]) -> str | None:
    """Why the stages after this one would learn nothing, and what to do about it; None where they may.

    Args:
        name: Of the stage.
        summary: Its `summary.json`.
    """
    asked = summary.get("test_problems", 0)
    if summary.get("test_accuracy") == 0 and asked >= _ENOUGH:
        return (
            f"{name}: none of {asked} test problems is answered right, so the next stages would have nothing to learn "
            "from. Train it longer or at another learning rate, look at what it answers (`lit-mstar predict`), whether "
            "its responses are cut (evaluation.max_tokens) and how its answers are read (docs/grading.md)."
        )
    if "mean_label" in summary and summary["mean_label"] in (0.0, 1.0):
        which = "No step leads" if summary["mean_label"] == 0 else "Every step leads"
        return (
            f"{name}: {which} to the right answer ({summary['steps']} steps), so a reward model could tell none from "
            "another. Warm the policy up longer (or less), sample hotter, or ask other problems."
        )
    return None
