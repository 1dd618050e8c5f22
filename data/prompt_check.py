"""Every prompt counted before a run: what a model cannot be asked, or has no room to answer, is said at once."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

from lit_mstar.data.left_out import without
from lit_mstar.rollouts.images import image_size
from lit_mstar.rollouts.nouns import Problem

_LARGEST = 8  # sizes of images that are counted to bound all others, ours

Image = str | bytes
Size = tuple[int, int]


class PromptCheck:
    """Asks whether problems fit a policy's processor and its context.

    Args:
        encoder: The policy's.
        room: The longest response, in tokens.
    """

    def __init__(self, encoder: Any, room: int) -> None:
        self.encoder = encoder
        self.room = room
        self._tokens: dict[Size, int] = {}

    def usable(self, problems: Sequence[Problem], on_bad: Literal["error", "skip"], what: str) -> list[Problem]:
        """The problems that the model can be asked; warns of how many leave less room than the longest response.

        Args:
            problems: With images that can be read.
            on_bad: What to do about the others: an error, or leave them out, counted and listed.
            what: The split, for messages.

        Raises:
            ValueError: If there are others and `on_bad` is "error", or none is left.
        """
        refused = self._refused(problems)
        lengths = self._long([p for p in problems if len(p.images) not in refused])
        context = self.encoder.context
        faults = {p.id: refused[len(p.images)] for p in problems if len(p.images) in refused}
        faults |= {key: self._too_long(length) for key, length in lengths.items() if length >= context}
        tight = [key for key, length in lengths.items() if length < context < length + self.room]
        if tight:
            warnings.warn(
                f"{len(tight)} of {len(problems)} {what!r} problems leave less room than max_tokens={self.room} in the "
                f"model's context of {context} tokens, {tight[0]} for one; it was not made for longer responses.",
                stacklevel=4,
            )
        return without(problems, faults, on_bad, what, "are like this; change them")

    def _too_long(self, length: int) -> str:
        return (
            f"its prompt has {length} tokens, and the model's context {self.encoder.context}: shorten it, have the "
            "processor make images smaller, or take a model with a longer context."
        )

    def _refused(self, problems: Sequence[Problem]) -> dict[int, str]:
        """By numbers of images: why the processor takes no prompt with so many."""
        found = {}
        for images in {len(problem.images): problem.images for problem in problems}.values():
            try:
                self.encoder.prompts([Problem(id="probe", question="?", images=images)])
            except Exception as error:  # whatever a processor raises
                many = f"{len(images) or 'no'} image{'' if len(images) == 1 else 's'}"
                why = f"{type(error).__name__}: {error}"
                found[len(images)] = f"the model's processor takes no prompt with {many} ({why})"
        return found

    def _long(self, problems: Sequence[Problem]) -> dict[str, int]:
        """Prompts' lengths in tokens by problem, of those that may leave too little room; others are not counted.

        A text has at most as many tokens as bytes, so most problems need not be tokenized to know that they fit.
        """
        context = self.encoder.context
        if context is None:
            return {}
        by_size = {image_size(image): image for problem in problems for image in problem.images}
        largest = sorted(by_size, key=lambda size: size[0] * size[1])[-_LARGEST:]
        most = max((self._image_tokens(by_size[size]) for size in largest), default=0)
        found = {}
        for problem in problems:
            text = self.encoder.prompt_text(problem)
            if len(text.encode()) + most * len(problem.images) + self.room > context:
                images = sum(self._image_tokens(image) - 1 for image in problem.images)
                found[problem.id] = len(self.encoder.prompt_ids(problem)) + images
        return {key: length for key, length in found.items() if length + self.room > context}

    def _image_tokens(self, image: Image) -> int:
        """How many tokens an image of this size takes."""
        if (size := image_size(image)) not in self._tokens:
            self._tokens[size] = self.encoder.image_tokens(Problem(id="probe", question="?", images=(image,)))
        return self._tokens[size]
