"""Every image decoded once before a run: what can only be found by decoding must not end it hours later.

The result is remembered beside the run, so that the next start decodes only what is new.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from rich import get_console
from rich.progress import track

from lit_mstar.data.left_out import without
from lit_mstar.files import atomic
from lit_mstar.ranks import rank, ranks
from lit_mstar.rollouts.images import open_image
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.training.division import gather_dict

Image = str | bytes


class ImageCheck:
    """Decodes images and puts one of each size through the policy's processor.

    Args:
        memory: The JSON file in which results are kept: the size of an image, or what is wrong with it.
        encoder: Gives the policy's, which may refuse a size, when there is an image to be asked about; None if there
            is no such thing.
    """

    def __init__(self, memory: Path, encoder: Callable[[], Any]) -> None:
        self.memory = memory
        self.encoder = encoder
        self.known: dict[str, list[int] | str] = _read(memory)

    def usable(self, problems: Sequence[Problem], on_bad: Literal["error", "skip"], what: str) -> list[Problem]:
        """The problems whose images can all be used; every rank must call it, and gets the same.

        Args:
            problems: With their images.
            on_bad: What to do about the others: an error, or leave them out, counted and listed.
            what: The split, for messages.

        Raises:
            ValueError: If an image cannot be used and `on_bad` is "error", or none of the problems can be.
        """
        self._look({image for problem in problems for image in problem.images})
        faults = {problem.id: fault for problem in problems if (fault := self._fault(problem))}
        return without(problems, faults, on_bad, what, "have such images; repair them")

    def _fault(self, problem: Problem) -> str | None:
        found = (self.known[_key(image)] for image in problem.images)
        return next((fault for fault in found if isinstance(fault, str)), None)

    def _look(self, images: Iterable[Image]) -> None:
        """Decodes what is not known yet, each rank a part of it, and writes down what was found."""
        new = sorted(((key, image) for image in images if (key := _key(image)) not in self.known), key=lambda x: x[0])
        if new:
            mine, hidden = new[rank() :: ranks()], rank() != 0 or not get_console().is_terminal
            shown = track(mine, "checking images", transient=True, disable=hidden)
            found = {key: _decoded(image) for key, image in shown}
            self.known |= gather_dict(found)
        sizes = {tuple(self.known[key]): (key, image) for key, image in new if not isinstance(self.known[key], str)}
        refused = {size: why for size, (_, image) in sizes.items() if (why := self._refusal(image))}
        for key, _ in new:
            size = self.known[key]
            if not isinstance(size, str) and (why := refused.get(tuple(size))):
                self.known[key] = f"an image of {size[0]} x {size[1]} pixels is refused by the model's processor: {why}"
        if new and rank() == 0:
            with atomic(self.memory) as partial:
                partial.write_text(json.dumps(self.known))

    def _refusal(self, image: Image) -> str | None:
        """Why the policy's processor does not take an image of this size; None where it does, or there is none."""
        if (encoder := self.encoder()) is None:
            return None
        try:
            encoder.prompts([Problem(id="check", question="?", images=(image,))])
        except Exception as error:  # whatever a processor raises
            return f"{type(error).__name__}: {error}"
        return None


def _decoded(image: Image) -> list[int] | str:
    try:
        return list(open_image(image).size)
    except ValueError as error:
        return str(error)


def _key(image: Image) -> str:
    """What tells an image file from others, and from what it was before it was changed."""
    if isinstance(image, bytes):
        return hashlib.sha256(image).hexdigest()
    try:
        status = os.stat(image)
    except (OSError, ValueError):
        return f"{image} missing"
    return f"{os.path.abspath(image)} {status.st_size} {status.st_mtime_ns}"


def _read(memory: Path) -> dict[str, list[int] | str]:
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
