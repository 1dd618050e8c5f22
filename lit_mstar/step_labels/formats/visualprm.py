"""VisualPRM400K, raw (`steps_with_score`) and as conversations, in which "+" and "-" follow the steps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.step_labels.formats.fields import UNMEASURED, example, images_of, text_of, texts_of

_FIRST = re.compile(r"\s*(?:<image>\s*)*### Question:\n(.*?)\n\n### Solution Process:\n(.*)", re.DOTALL)
_VERDICTS = {"+": 1.0, "-": 0.0}


def fits_raw(row: dict[str, Any]) -> bool:
    """Whether a row is raw."""
    return "steps_with_score" in row


def read_raw(row: dict[str, Any], root: Path) -> StepExample:
    """A raw row as a chain; a step with `num_mc_total` 0 was not measured, whatever its score says.

    Raises:
        ValueError: If a field is not what it should be.
    """
    found = row["steps_with_score"]
    if not isinstance(found, list) or not all(isinstance(step, dict) for step in found):
        raise ValueError(f"field 'steps_with_score' is {str(found)[:80]}; it must be a list of objects.")
    steps = texts_of([step.get("step") for step in found], "steps_with_score")
    labels, draws = zip(*map(_label, found), strict=True)
    question = text_of(row, "question_orig", "question")
    answer = row.get("answer")
    images = images_of(row.get("image"), root)
    return example(question, images, steps, labels, draws, answer=None if answer is None else str(answer))


def _label(step: dict[str, Any]) -> tuple[float, int]:
    total, right, score = step.get("num_mc_total"), step.get("num_mc_correct"), step.get("score")
    if total == 0:
        return UNMEASURED, 0
    if isinstance(total, int) and isinstance(right, int):
        return right / total, total
    if not isinstance(score, int | float):
        raise ValueError(f"a step's score is {score!r}; it must be a number, or its draws be given.")
    return float(score), 1


def fits_conversation(row: dict[str, Any]) -> bool:
    """Whether a row is such a conversation."""
    said = row.get("conversations")
    texts = [turn.get("value") for turn in said if isinstance(turn, dict)] if isinstance(said, list) else []
    return any(isinstance(text, str) and "### Solution Process:\n" in text for text in texts)


def read_conversation(row: dict[str, Any], root: Path) -> StepExample:
    """A conversation as a chain; what the system turn says is the reader's business.

    Raises:
        ValueError: If its turns are not a question with a first step, verdicts, and further steps in turn.
    """
    turns = [turn for turn in row["conversations"] if turn.get("from") != "system"]
    roles = [turn.get("from") for turn in turns]
    if len(turns) % 2 or roles != ["human", "gpt"] * (len(turns) // 2):
        raise ValueError(f"its turns are from {roles}; steps (human) and verdicts (gpt) must alternate.")
    first = _FIRST.fullmatch(str(turns[0].get("value")))
    if first is None:
        raise ValueError(f"its first turn is {str(turns[0].get('value'))[:80]!r}; it must have a question and a step.")
    said = [str(turn.get("value")).strip() for turn in turns[1::2]]
    if unknown := [verdict for verdict in said if verdict not in _VERDICTS]:
        raise ValueError(f"a verdict is {unknown[0][:40]!r}; it must be + or -.")
    steps = texts_of([first[2], *(turn.get("value") for turn in turns[2::2])], "conversations")
    return example(first[1], images_of(row.get("image"), root), steps, [_VERDICTS[verdict] for verdict in said])
