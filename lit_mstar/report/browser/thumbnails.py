"""Small pictures as data URLs: each image once, and all of them together within a budget."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

from PIL import Image

from lit_mstar.rollouts.images import open_image
from lit_mstar.rollouts.nouns import Problem

BUDGET = 2_500_000  # characters of all pictures, ours
_SIDES = (320, 224, 160, 112, 80, 56)  # pixels of the longer side: the largest with which all fit
_TRIED = 40  # pictures by which that is judged


class Thumbnails:
    """Pictures by number.

    Args:
        problems: All whose pictures will be asked for.
        budget: Characters that they may take together.
    """

    def __init__(self, problems: Iterable[Problem], budget: int = BUDGET) -> None:
        images = list(dict.fromkeys(image for problem in problems for image in problem.images))
        self.urls: list[str] = []
        self.left_out = 0  # pictures that did not fit
        self.unreadable = 0
        self._budget = budget
        self._numbers: dict[str | bytes, int | None] = {}
        self._side = self._fitting(images)

    @property
    def notes(self) -> list[str]:
        """What a page lacks of them, for people."""
        said = {"are left out, so that the page stays small": self.left_out, "cannot be read any more": self.unreadable}
        return [f"{number:,} images {what}." for what, number in said.items() if number]

    def of(self, problem: Problem) -> list[int]:
        """The numbers of a problem's pictures, as far as there is room for them."""
        return [number for image in problem.images if (number := self._number(image)) is not None]

    def _number(self, image: str | bytes) -> int | None:
        if image not in self._numbers:
            url = _url(image, self._side)
            fits = url is not None and len(url) <= self._budget
            self.unreadable += url is None
            self.left_out += url is not None and not fits
            self._numbers[image] = len(self.urls) if fits else None
            if url is not None and fits:
                self._budget -= len(url)
                self.urls.append(url)
        return self._numbers[image]

    def _fitting(self, images: list[str | bytes]) -> int:
        tried = images[:: max(1, len(images) // _TRIED)]
        for side in _SIDES:
            lengths = [len(url) for image in tried if (url := _url(image, side))]
            if not lengths or sum(lengths) / len(lengths) * len(images) <= self._budget:
                return side
        return _SIDES[-1]


def _url(image: str | bytes, side: int) -> str | None:
    """None where it cannot be read any more."""
    try:
        picture = open_image(image)
    except ValueError:
        return None
    small = max(picture.size) <= 64  # few pixels: each of them counts
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if small:
        picture.save(buffer, format="PNG", optimize=True)
    else:
        picture.save(buffer, format="WEBP", quality=72)
    kind = "png" if small else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
