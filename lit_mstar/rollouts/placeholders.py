"""Where data sets say that an image belongs: `<image>`, `<image 2>`, `<|image_pad|>`, in questions and in choices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, groupby

from lit_mstar.rollouts.nouns import Problem
from lit_mstar.rollouts.options import bare_options

Parts = list[str | int]
"""Texts, and numbers of images, from 1, at their places."""

_PLACEHOLDER = r"""
    (?:<\|vision_start\|>)?
    <\|? (?P<kind>image|video) (?:_pad)? [\ _]? (?P<number>[0-9]{1,4})? \|?>
    (?:<\|vision_end\|>)?
"""


@dataclass(frozen=True)
class Placeholder:
    """A mark in a text that stands for an image.

    Args:
        text: As the data spells it.
        number: Which image, counting from 1; None where it is the next one.
        video: Whether it stands for a video.
    """

    text: str
    number: int | None = None
    video: bool = False


def parts(text: str, own: str = "<image>") -> list[str | Placeholder]:
    """The text in parts, texts and placeholders in their order; no part is empty.

    Args:
        text: A question or an option.
        own: The processor's own placeholder, which counts like `<image>` whatever it looks like.
    """
    found: list[str | Placeholder] = []
    end = 0
    for match in re.finditer(f"{_PLACEHOLDER}|{re.escape(own)}", text, re.IGNORECASE | re.VERBOSE):
        number = int(match["number"]) if match["number"] else None
        found += [text[end : match.start()], Placeholder(match[0], number, (match["kind"] or "").lower() == "video")]
        end = match.end()
    return [part for part in (*found, text[end:]) if part]


def problem_with_placeholders(problem: Problem, own: str = "<image>") -> str | None:
    """What is wrong with the placeholders in question and choices, and what to do; None where they fit the images."""
    texts = (problem.question, *problem.choices)
    found = [part for text in texts for part in parts(text, own) if isinstance(part, Placeholder)]
    numbers = {part.text: part.number for part in found if part.number is not None}
    images = f"{len(problem.images)} image{'' if len(problem.images) == 1 else 's'}"
    if video := next((part.text for part in found if part.video), None):
        return f"{video!r} stands for a video, and a problem has images only; take it out."
    if numbers and (plain := next((part.text for part in found if part.number is None), None)):
        return f"{plain!r} has no number, but {next(iter(numbers))!r} has; number all placeholders or none."
    for text, number in numbers.items():
        if not 1 <= number <= len(problem.images):
            return f"{text!r} is none of the problem's {images}; numbers count from 1. Correct it or the images."
    if found and not numbers and len(found) != len(problem.images):
        return (
            f"{found[0].text!r} and the like come {len(found)} times in question and choices, for {images}; "
            "write one for each image, or none at all (images then come first)."
        )
    return None


def placed(problem: Problem, own: str = "<image>", inline: bool = True) -> list[Parts]:
    """Question and bare options in parts; images that these do not mention come first.

    White space at the ends of the question goes, also behind images that it begins with.

    Args:
        problem: Where its placeholders do not fit its images, they are taken out.
        own: As in `parts`.
        inline: Put images at their places; otherwise they all come first, and the text there reads "image 2".
    """
    fields = [parts(text, own) for text in (problem.question.strip(), *bare_options(problem.choices))]
    fits = problem_with_placeholders(problem, own) is None
    following = count(1)

    def place(part: str | Placeholder) -> str | int:
        if isinstance(part, str):
            return part
        return (part.number or next(following)) if fits else ""

    question, *options = (merged(map(place, field)) for field in fields)
    question = _stripped(question)
    images = [part for field in (question, *options) for part in field if isinstance(part, int)]
    if question[: len(images)] == images == [*range(1, len(problem.images) + 1)]:
        question = question[len(images) :]  # they only say that there are images, which come first anyway
    if inline:
        return [question, *options]
    words = ((part if isinstance(part, str) else f"image {part}" for part in field) for field in (question, *options))
    return [merged(field) for field in words]


def merged(field: Iterable[str | int]) -> Parts:
    """The same parts with neighbouring texts as one, and without empty ones."""
    runs = groupby(field, key=lambda part: isinstance(part, str))
    joined = [["".join(map(str, run))] if text else list(run) for text, run in runs]
    return [part for run in joined for part in run if part != ""]


def _stripped(field: Parts) -> Parts:
    """Without white space at the ends and before the first word; blank texts between images at the beginning go."""
    first = next((i for i, part in enumerate(field) if isinstance(part, str) and part.strip()), len(field))
    images, texts = [part for part in field[:first] if isinstance(part, int)], field[first:]
    for end, strip in ((0, str.lstrip), (-1, str.rstrip)):
        if texts and isinstance(text := texts[end], str):
            texts[end] = strip(text)
    return images + texts
