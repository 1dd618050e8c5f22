"""Benchmarks of step verdicts: VisualProcessBench (1, 0 or -1 for each step), ProcessBench (the first error)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.step_labels.formats.fields import UNMEASURED, example, images_of, text_of, texts_of

_JUDGED = {1: 1.0, 0: UNMEASURED, -1: 0.0}  # neutral steps count for nothing


def fits_visual(row: dict[str, Any]) -> bool:
    """Whether a row is VisualProcessBench's."""
    response = row.get("response")
    return isinstance(response, dict) and "process_correctness" in response


def read_visual(row: dict[str, Any], root: Path) -> StepExample:
    """A row of VisualProcessBench; people judged its steps.

    Raises:
        ValueError: If a field is not what it should be.
    """
    response = row["response"]
    judged = response["process_correctness"]
    if not isinstance(judged, list) or not all(value in _JUDGED for value in judged):
        raise ValueError(f"field 'process_correctness' is {str(judged)[:80]}; it must be a list of 1, 0 and -1.")
    steps = texts_of(response.get("steps"), "response.steps")
    tags = {name: str(row[name]) for name in ("data_source", "policy_model") if row.get(name)}
    answer = row.get("answer")
    return example(
        text_of(row, "question"),
        images_of(row.get("image"), root),
        steps,
        [_JUDGED[value] for value in judged],
        answer=None if answer is None else str(answer),
        tags=tags,
    )


def fits(row: dict[str, Any]) -> bool:
    """Whether a row is ProcessBench's."""
    return {"problem", "steps", "label"} <= row.keys()


def read(row: dict[str, Any], root: Path) -> StepExample:
    """A row of ProcessBench: steps before the first wrong one are right; what follows it was not judged.

    Raises:
        ValueError: If a field is not what it should be.
    """
    steps, first = texts_of(row["steps"], "steps"), row["label"]
    if not isinstance(first, int) or isinstance(first, bool) or not -1 <= first < len(steps):
        raise ValueError(f"field 'label' is {first!r}; it must be -1, or the number of a step, from 0.")
    right = len(steps) if first == -1 else first
    labels = [1.0 if k < right else 0.0 if k == right else UNMEASURED for k in range(len(steps))]
    tags = {"generator": str(row.get("generator") or ""), "final": str(row.get("final_answer_correct"))}
    return example(text_of(row, "problem"), (), steps, labels, tags=tags)
