"""What a problem is, whatever it is called: digests of what is asked, and of what is right.

A row that was corrected keeps its id; only its content tells that it is another problem.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import lru_cache

from lit_mstar.rollouts.images import image_bytes
from lit_mstar.rollouts.nouns import Problem


def question_digest(problem: Problem) -> str:
    """A digest of what is shown to the policy: question, choices, the images' bytes, a turn of its own.

    Raises:
        ValueError: If an image cannot be read.
    """
    images = [image_digest(image) for image in problem.images]
    asked = (problem.id, problem.question, problem.choices, images)
    own = () if problem.system is None else (problem.system,)
    return digest((*asked, *own, *(() if problem.prompt is None else (f"prompt: {problem.prompt}",))))


def reference_digest(problem: Problem) -> str:
    """A digest of what decides which answers are right."""
    right = (problem.answer, problem.accepted, problem.answer_type, problem.precision, problem.unit)
    tags = (sorted(problem.tags.items()),) if problem.tags else ()  # by which a benchmark's rule may go
    return digest((problem.id, problem.choices, right, *tags))


def image_digest(image: str | bytes) -> str:
    """A digest of an image file's bytes; a file that has not changed is read once in a process.

    Raises:
        ValueError: If it cannot be read.
    """
    if isinstance(image, bytes) or not os.path.isfile(image):
        return hashlib.sha256(image_bytes(image)).hexdigest()
    status = os.stat(image)
    return _file_digest(image, status.st_size, status.st_mtime_ns)


def digest(parts: Iterable[object]) -> str:
    """A digest of values by what they look like in Python."""
    return hashlib.sha256(repr(tuple(parts)).encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(2**18)
def _file_digest(path: str, size: int, changed: int) -> str:
    return hashlib.sha256(image_bytes(path)).hexdigest()
