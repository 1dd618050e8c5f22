"""What a model sees of an image, put back into pictures, against the image as the processor's own resizing leaves
it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from models.zoo.qwen import qwen3_vl
from PIL import Image

from lit_mstar import Problem, TinyBackbone
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.seen import seen
from support.helpers import png


def gradient(file: Path, width: int, height: int) -> str:
    """An image in which no two places are alike."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    array = np.stack([x, y, 255 - (x + y) / 2], axis=-1).astype(np.uint8)
    Image.fromarray(array).save(file)
    return str(file)


def test_patches_become_the_picture_again(tmp_path: Path):
    """Of a size that needs no resizing, nothing is lost but the rounding."""
    file = gradient(tmp_path / "a.png", 64, 32)
    encoder = Encoder(qwen3_vl(["Which?"])[1])
    (picture,) = seen(encoder, Problem(id="p", question="Which?", images=(file,)))
    assert picture.size == (64, 32)
    assert np.abs(np.asarray(picture, int) - np.asarray(Image.open(file), int)).max() <= 1


def test_two_images_in_their_order(tmp_path: Path):
    files = (gradient(tmp_path / "a.png", 64, 32), gradient(tmp_path / "b.png", 32, 64))
    encoder = Encoder(qwen3_vl(["Which?"])[1])
    pictures = seen(encoder, Problem(id="p", question="Which?", images=files))
    assert [picture.size for picture in pictures] == [(64, 32), (32, 64)]


def test_a_small_image_is_shown_as_large_as_the_model_gets_it():
    encoder = Encoder(qwen3_vl(["Which?"])[1])
    problem = Problem(id="p", question="Which?", images=(png(8, 8, (200, 10, 90)),))
    (picture,) = seen(encoder, problem)
    grid = encoder.prompts([problem])["image_grid_thw"][0]
    assert picture.size == (int(grid[2]) * 8, int(grid[1]) * 8)
    assert np.abs(np.asarray(picture, int) - np.array([200, 10, 90])).max() <= 1


def test_tiles_are_shown_one_by_one(tiny_backbone: TinyBackbone):
    problem = Problem(id="p", question="Which?", images=(png(32, 32, (10, 200, 90)),))
    pictures = seen(tiny_backbone.encoder, problem)
    assert pictures
    for picture in pictures:
        assert np.abs(np.asarray(picture, int) - np.array([10, 200, 90])).max() <= 1


def test_no_image_is_no_picture(tiny_backbone: TinyBackbone):
    assert seen(tiny_backbone.encoder, Problem(id="p", question="Which?")) == []
