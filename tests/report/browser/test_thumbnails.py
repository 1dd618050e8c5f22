from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from lit_mstar import Problem
from lit_mstar.report.browser.thumbnails import Thumbnails


def picture(width: int, height: int, seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def asked(*images: bytes | str) -> list[Problem]:
    return [Problem(id=str(number), question="?", images=(image,)) for number, image in enumerate(images)]


def decoded(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_few_pixels_are_kept_as_they_are_and_an_image_is_there_once():
    image = picture(16, 8, 0)
    problems = asked(image, image)
    found = Thumbnails(problems)
    assert [found.of(problem) for problem in problems] == [[0], [0]]
    assert np.array_equal(np.asarray(decoded(found.urls[0])), np.asarray(Image.open(io.BytesIO(image))))


def test_large_ones_are_made_smaller_in_their_shape():
    problems = asked(picture(800, 400, 0))
    found = Thumbnails(problems)
    found.of(problems[0])
    assert decoded(found.urls[0]).size == (320, 160)


@pytest.mark.parametrize("budget", [500_000, 100_000, 20_000, 3_000])
def test_together_they_take_no_more_than_the_budget(budget: int):
    problems = asked(*(picture(400, 300, seed) for seed in range(12)))
    found = Thumbnails(problems, budget)
    shown = sum(len(found.of(problem)) for problem in problems)
    assert sum(map(len, found.urls)) <= budget
    assert shown == len(found.urls)
    assert shown + found.left_out == 12
    assert (found.left_out > 0) == (budget < 20_000)


def test_what_cannot_be_read_any_more_is_counted():
    problems = asked("gone.png", picture(8, 8, 0), b"no image")
    found = Thumbnails(problems)
    assert [found.of(problem) for problem in problems] == [[], [0], []]
    assert found.unreadable == 2
