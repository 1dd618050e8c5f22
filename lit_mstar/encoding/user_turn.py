"""What the user's turn says: the question, its options and its images, in order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lit_mstar.encoding.control_tokens import ControlTokens
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.rollouts.options import LETTERS
from lit_mstar.rollouts.placeholders import Parts, merged, placed


def user_turn(problem: Problem, prompt: str, controls: ControlTokens | None, own: str, inline: bool = True) -> Parts:
    """The turn in parts: texts, and the numbers of the problem's images, from 1, each once.

    Images that nothing mentions come first. Where one is mentioned again, the text says "image 2".

    Args:
        problem: Its texts are data: control tokens that they spell are broken up.
        prompt: The user's own text, with `{question}` and `{choices}`.
        controls: The model's control tokens; None where a server breaks them up.
        own: The processor's placeholder for an image.
        inline: As in `placeholders.placed`.

    Raises:
        ValueError: If there are more choices than letters.
    """
    question, *options = placed(problem, own, inline)
    fields = {"{question}": question, "{choices}": _lettered(options)}
    neutral = controls.neutral if controls else str
    data = {name: [neutral(p) if isinstance(p, str) else p for p in field] for name, field in fields.items()}
    pieces = re.split("({question}|{choices})", prompt)
    parts: Parts = [part for piece in pieces for part in data.get(piece, [piece])]
    once = [f"image {part}" if isinstance(part, int) and part in parts[:i] else part for i, part in enumerate(parts)]
    return merged([*(image for image in range(1, len(problem.images) + 1) if image not in parts), *once])


def _lettered(options: Sequence[Parts]) -> Parts:
    if len(options) > len(LETTERS):
        raise ValueError(f"A question has {len(options)} choices, there are {len(LETTERS)} letters; leave some out.")
    return [part for letter, option in zip(LETTERS, options, strict=False) for part in (f"\n({letter}) ", *option)]
