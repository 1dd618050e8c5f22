"""Problems that are to be measured with, which nobody may train on under another name."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable

from lit_mstar.data.sources import rows
from lit_mstar.rollouts.identity import image_digest
from lit_mstar.rollouts.nouns import Problem

Images = tuple[str | bytes, ...]


class HeldOut:
    """Knows held-out rows by their content.

    Args:
        found: ("file:row", fields, images) of each; one that cannot be used is passed over, for it is said where its
            split is read.
    """

    def __init__(self, found: Iterable[tuple[str, rows.Fields, Images]]) -> None:
        self._rows: dict[object, list[tuple[str, Images]]] = defaultdict(list)
        for where, fields, images in found:
            try:
                question, options = rows.text(fields, "question"), rows.choices(fields)
                self._rows[_key(question, options, images)].append((where, images))
            except (ValueError, OSError):
                continue

    def copy_of(self, problem: Problem) -> str | None:
        """The row that asks the same about the same images; None where there is none."""
        for where, images in self._rows.get(_key(problem.question, problem.choices, problem.images), ()):
            if images == problem.images or [*map(image_digest, images)] == [*map(image_digest, problem.images)]:
                return where
        return None


def _key(question: str, options: tuple[str, ...], images: Images) -> object:
    """What two rows that may be the same have in common: files of other lengths are no copies of each other."""
    lengths = tuple(len(image) if isinstance(image, bytes) else os.path.getsize(image) for image in images)
    return question, options, lengths
