"""TRL's stepwise format: `prompt`, `completions` (the steps), `labels` (true or false, or shares), and any images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.step_labels.formats.fields import example, images_of, text_of, texts_of


def fits(row: dict[str, Any]) -> bool:
    """Whether a row is of this format."""
    return {"prompt", "completions", "labels"} <= row.keys()


def read(row: dict[str, Any], root: Path) -> StepExample:
    """A row as a chain.

    Raises:
        ValueError: If a field is not what it should be.
    """
    steps, labels = texts_of(row["completions"], "completions"), row["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, int | float) for label in labels):
        raise ValueError(f"field 'labels' is {str(labels)[:80]}; it must be a list of truth values or numbers.")
    images = images_of(row.get("images") or row.get("image"), root)
    return example(text_of(row, "prompt"), images, steps, [float(label) for label in labels])
