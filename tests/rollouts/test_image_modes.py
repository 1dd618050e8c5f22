"""An image as people see it: turned, on white, and never black because of its depth."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lit_mstar.rollouts.images import image_size, open_image

WHITE, RED = (255, 255, 255), (255, 0, 0)
ORIENTATION = 0x0112


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> list[Any]:
    image = open_image(data)
    assert (image.mode, image.size) == ("RGB", image_size(data))
    return [image.getpixel((x, y)) for y in range(image.height) for x in range(image.width)]


def grey(values: list[Any], dtype: Any, kind: str = "PNG") -> bytes:
    return encoded(Image.fromarray(np.array([values], dtype=dtype)), kind)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_exif_orientation_is_obeyed(orientation: int, kind: str) -> None:
    image = Image.new("RGB", (32, 16), WHITE)
    image.paste(RED, (0, 0, 16, 8))  # the stored upper left
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    shown = open_image(data := encoded(image, kind, exif=exif))
    right, low = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    width, height = (16, 32) if orientation > 4 else (32, 16)
    assert shown.size == image_size(data) == (width, height)
    corners = {(x, y): shown.getpixel((x * (width - 1), y * (height - 1))) for x in (0, 1) for y in (0, 1)}
    reddest = min(corners, key=lambda corner: corners[corner][1])
    assert reddest == (int(right), int(low))


def transparent(mode: str) -> Image.Image:
    """Two pixels: one that is not there, and a black one."""
    if mode == "P":
        image = Image.new("P", (2, 1), 0)
        image.putpalette([9, 9, 9, 0, 0, 0])
        image.putpixel((1, 0), 1)
        return image
    image = Image.new("RGBA", (2, 1), (9, 9, 9, 0))
    image.putpixel((1, 0), (0, 0, 0, 255))
    return image if mode == "RGBA" else image.convert(mode)


@pytest.mark.parametrize(
    "data",
    [
        encoded(transparent("RGBA")),
        encoded(transparent("LA")),
        encoded(transparent("P"), transparency=0),
        encoded(transparent("P"), "GIF", transparency=0),
        encoded(transparent("RGBA"), "WEBP", lossless=True),
        encoded(transparent("RGBA"), "TIFF"),
        encoded(transparent("RGBA").convert("RGB"), transparency=(9, 9, 9)),
        encoded(transparent("RGBA").convert("L"), transparency=9),
    ],
    ids=["RGBA", "LA", "P", "GIF", "WEBP", "TIFF", "RGB tRNS", "L tRNS"],
)
def test_what_is_transparent_is_white(data: bytes) -> None:
    assert pixels(data) == [WHITE, (0, 0, 0)]


def test_half_transparent_is_half_white() -> None:
    assert pixels(encoded(Image.new("RGBA", (1, 1), (0, 0, 0, 51)))) == [(204, 204, 204)]


@pytest.mark.parametrize(
    ("values", "dtype", "kind", "shown"),
    [
        ([0, 257, 65535], np.uint16, "PNG", [0, 1, 255]),
        ([0, 2048, 4095], np.uint16, "PNG", [0, 128, 255]),  # 12 bits, as cameras give
        ([0, 100, 255], np.uint16, "PNG", [0, 100, 255]),  # 8 bits in 16
        ([0, 512, 1023], np.uint16, "TIFF", [0, 128, 255]),
        ([0, 100, 255], np.int32, "TIFF", [0, 100, 255]),
        ([0, 32768, 65535], np.int32, "TIFF", [0, 128, 255]),
        ([0.0, 0.5, 1.0], np.float32, "TIFF", [0, 128, 255]),
        ([0.0, 100.0, 255.0], np.float32, "TIFF", [0, 100, 255]),
        ([0.0, 0.0, 0.0], np.float32, "TIFF", [0, 0, 0]),
    ],
)
def test_deep_grey_values_are_scaled(values: list[Any], dtype: Any, kind: str, shown: list[int]) -> None:
    assert [pixel[0] for pixel in pixels(grey(values, dtype, kind))] == shown


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0, 70000], np.int32),
        ([-1, 5], np.int32),
        ([0.0, 300.0], np.float32),
        ([-0.5, 0.5], np.float32),
        ([0.0, np.nan], np.float32),
        ([0.0, np.inf], np.float32),
    ],
)
def test_values_that_nobody_can_scale_are_refused_by_name(values: list[Any], dtype: Any) -> None:
    with pytest.raises(ValueError, match="Image <bytes> has values from .*save it with 8 or 16 bits"):
        open_image(grey(values, dtype, "TIFF"))


def test_printers_colours_and_bits_are_shown() -> None:
    assert pixels(encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG"))[0] == WHITE
    assert pixels(encoded(Image.new("1", (2, 1), 1))) == [WHITE, WHITE]
    assert pixels(encoded(Image.new("YCbCr", (8, 8), (255, 128, 128)), "JPEG"))[0] == WHITE
