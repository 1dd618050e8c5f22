"""A few fixed problems, with and without an image, by which two ways to compute the same thing are compared."""

from __future__ import annotations

import io
from dataclasses import replace

from PIL import Image, ImageOps

from lit_mstar.rollouts.nouns import Problem


def _gradient(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    image = Image.linear_gradient("L").resize((width, height))
    Image.merge("RGB", (image, image.rotate(180), image)).save(buffer, format="PNG")
    return buffer.getvalue()


PROBES = (
    Problem(id="probe 0", question="What is 3 + 4?"),
    Problem(id="probe 1", question="What does the picture show?", images=(_gradient(64, 64),)),
    Problem(id="probe 2", question="Is the left side darker?", choices=("yes", "no"), images=(_gradient(96, 40),)),
)


def other_than(probe: Problem) -> Problem:
    """Another problem whose prompt is as long: another sum, or the same image in other colours."""
    images = tuple(_inverted(image) for image in probe.images if isinstance(image, bytes))
    return replace(probe, id=f"{probe.id}, other", question=probe.question.replace("3 + 4", "8 + 1"), images=images)


def _inverted(image: bytes) -> bytes:
    buffer = io.BytesIO()
    ImageOps.invert(Image.open(io.BytesIO(image))).save(buffer, format="PNG")
    return buffer.getvalue()
