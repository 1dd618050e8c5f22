"""Where data sets mark that an image belongs: `<image>`, `<image 2>`, `<|image_pad|>` in questions and choices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lit_mstar.rollouts.nouns import Problem

_FAMILIES = (
    r"(?:<\|vision_start\|>)?<\|(?P<pad>image|video)_pad\|>(?:<\|vision_end\|>)?"
    r"|<(?P<kind>image|video)[ _-]?(?P<number>\d{0,3})>|<\|(?P<token>image|video)\|>"
)


@dataclass(frozen=True)
class Placeholder:
    """A mark in a text.

    Args:
        number: Of the image, from 1; None for the next one.
        video: Whether it stands for a video.
    """

    number: int | None = None
    video: bool = False


def split(text: str, tokens: Sequence[str] = ()) -> list[str | Placeholder]:
    """The text and its placeholders, in order; empty texts are left out.

    Args:
        text: A question or a choice.
        tokens: Further strings that stand for an image: what the model's own processor calls it.
    """
    own = [re.escape(token) for token in tokens]
    parts: list[str | Placeholder] = []
    end = 0
    for match in re.finditer("|".join([_FAMILIES, *own]), text, re.IGNORECASE):
        kind = (match["pad"] or match["kind"] or match["token"] or "image").lower()
        number = int(match["number"]) if match["number"] else None
        parts += [text[end : match.start()], Placeholder(number, kind == "video")]
        end = match.end()
    return [part for part in [*parts, text[end:]] if part != ""]


def misplaced(problem: Problem) -> str | None:
    """What is wrong with a problem's placeholders, with the remedy; None where they fit its images, or it has none."""
    found = [part for text in (problem.question, *problem.choices) for part in split(text)]
    marks = [part for part in found if isinstance(part, Placeholder)]
    images = len(problem.images)
    if any(mark.video for mark in marks):
        return "it has a placeholder for a video, and there are only images; remove it."
    numbers = {mark.number for mark in marks if mark.number is not None}
    if numbers and (wrong := [number for number in numbers if not 1 <= number <= images]):
        return f"it mentions <image {wrong[0]}>, but the row has {images} images; correct the number or add the image."
    unnumbered = sum(mark.number is None for mark in marks)
    if unnumbered and numbers:
        return "some of its image placeholders have numbers and some have none; number all of them or none."
    if unnumbered and unnumbered != images:
        return (
            f"it has {unnumbered} image placeholders for {images} images; give each image one placeholder, or remove "
            "them all (images then come first)."
        )
    return None


def fits(problem: Problem) -> bool:
    """Whether the placeholders say where each image belongs."""
    return misplaced(problem) is None
