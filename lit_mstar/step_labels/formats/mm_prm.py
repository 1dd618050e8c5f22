"""MM-PRM's training data: one turn with question and steps, `<prm>` behind each, and the answer a list of shares."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.step_labels.formats.fields import example, images_of, texts_of

_TURN = re.compile(r"\s*(?:<image>\s*)*Question: (.*?)\nProcess: (.*)", re.DOTALL)


def fits(row: dict[str, Any]) -> bool:
    """Whether a row is of this format."""
    said = row.get("conversations")
    texts = [turn.get("value") for turn in said if isinstance(turn, dict)] if isinstance(said, list) else []
    return any(isinstance(text, str) and "<prm>" in text for text in texts)


def read(row: dict[str, Any], root: Path) -> StepExample:
    """A row as a chain.

    Raises:
        ValueError: If a field is not what it should be.
    """
    said = {turn.get("from"): turn.get("value") for turn in row["conversations"]}
    found = _TURN.fullmatch(str(said.get("human")))
    if found is None:
        raise ValueError(f"the human's turn is {str(said.get('human'))[:80]!r}; it must be Question: … Process: ….")
    *steps, rest = found[2].split("<prm>")
    if rest.strip():
        raise ValueError(f"{rest.strip()[:40]!r} follows the last <prm>; each step ends with one.")
    labels = said.get("gpt")
    if not isinstance(labels, list) or not all(isinstance(label, int | float) for label in labels):
        raise ValueError(f"the answer is {str(labels)[:80]}; it must be a list of numbers.")
    images = images_of(row.get("image"), root)
    return example(found[1], images, texts_of(steps, "conversations"), [float(label) for label in labels])
