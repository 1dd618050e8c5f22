"""What the formats have in common: typed fields, images, and chains whose labels may be missing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.rollouts.images import image_bytes, image_inside
from lit_mstar.rollouts.nouns import Problem

UNMEASURED = math.nan
"""The label of a step that nobody has measured: it is shown, and not learned from."""


def text_of(row: dict[str, Any], *names: str) -> str:
    """The first of some fields that is a text that is not blank.

    Raises:
        ValueError: If none is.
    """
    for name in names:
        if isinstance(value := row.get(name), str) and value.strip():
            return value
    raise ValueError(f"field {names[0]!r} is {row.get(names[0])!r}; it must be a text.")


def texts_of(value: Any, name: str) -> list[str]:
    """A list of one or more texts that are not blank, without white space around them.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, list) or not value or not all(isinstance(x, str) and x.strip() for x in value):
        raise ValueError(f"field {name!r} is {str(value)[:80]}; it must be a list of texts, none of them blank.")
    return [text.strip() for text in value]


def images_of(value: Any, root: Path) -> tuple[str | bytes, ...]:
    """Images as a path, bytes, Parquet's {"bytes", "path"}, or a list of these; paths lie inside `root`.

    Raises:
        ValueError: If one is something else, missing, or outside.
    """
    if value is None or value == "":
        return ()
    return tuple(_image(one, root) for one in (value if isinstance(value, list) else [value]))


def _image(value: Any, root: Path) -> str | bytes:
    if isinstance(value, dict):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes):
        return image_bytes(value)
    if not isinstance(value, str):
        raise ValueError(f"an image is {str(value)[:80]}; it must be a path or bytes.")
    return image_inside(root, value, "StepwiseDataModule.image_root")


def example(
    question: str,
    images: Sequence[str | bytes],
    steps: Sequence[str],
    labels: Sequence[float],
    draws: Sequence[int] | None = None,
    **problem: Any,
) -> StepExample:
    """A chain; equal questions about equal images are one problem, whoever wrote its steps.

    Raises:
        ValueError: If numbers differ, a label is outside [0, 1], or none is known.
    """
    if len(labels) != len(steps):
        raise ValueError(f"{len(labels)} labels for {len(steps)} steps.")
    if wrong := [x for x in labels if not (math.isnan(x) or 0 <= x <= 1)]:
        raise ValueError(f"a label is {wrong[0]}; it must be in [0, 1].")
    if all(map(math.isnan, labels)):
        raise ValueError("none of its steps has a label.")
    if draws is None and any(map(math.isnan, labels)):
        draws = [int(not math.isnan(label)) for label in labels]
    key = hashlib.sha256(question.encode("utf-8", "surrogatepass"))
    for image in images:
        key.update(image if isinstance(image, bytes) else image.encode())
    whole = Problem(id=key.hexdigest()[:16], question=question, images=tuple(images), **problem)
    return StepExample(whole, list(steps), list(labels), draws=None if draws is None else list(draws))
