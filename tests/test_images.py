from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from helpers import png
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lit_mstar.images import MAX_PIXELS, image_size, open_image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "DDS")


def encoded(image: Image.Image, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format)
    return buffer.getvalue()


FILES = [encoded(Image.effect_noise((12, 9), 60).convert("RGB"), format) for format in FORMATS]


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; its pixels are missing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def as_rgb(image: Image.Image, **options: object) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", **options)
    opened = open_image(buffer.getvalue())
    assert opened.mode == "RGB"
    return opened


def test_bytes_and_path_give_the_same_pixels(tmp_path: Path):
    data = encoded(Image.effect_noise((7, 5), 60).convert("RGB"))
    (tmp_path / "image.png").write_bytes(data)
    by_path, by_bytes = open_image(str(tmp_path / "image.png")), open_image(data)
    assert by_path.size == by_bytes.size == (7, 5)
    assert by_path.tobytes() == by_bytes.tobytes() == Image.open(io.BytesIO(data)).tobytes()


def test_a_missing_file_is_named(tmp_path: Path):
    for function in (open_image, image_size):
        with pytest.raises(ValueError, match=r"nowhere\.png does not exist"):
            function(str(tmp_path / "nowhere.png"))


def test_a_folder_is_no_image(tmp_path: Path):
    with pytest.raises(ValueError, match="does not exist"):
        open_image(str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"hello", b"<svg></svg>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_not_an_image_is_refused(data: bytes):
    for function in (open_image, image_size):
        with pytest.raises(ValueError, match="not a readable image file"):
            function(data)


def test_a_truncated_file_is_named(tmp_path: Path):
    data = encoded(Image.effect_noise((64, 64), 60))
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"cut\.png cannot be decoded"):
        open_image(str(tmp_path / "cut.png"))
    assert image_size(str(tmp_path / "cut.png")) == (64, 64)  # the header is whole


def test_a_decompression_bomb_is_refused_by_its_header():
    for function in (open_image, image_size):
        with pytest.raises(ValueError, match="too large|max_pixels"):
            function(png_claiming(50_000, 50_000))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(8001, 8000), (10_000, 10_000)])
def test_no_claim_beyond_the_default_limit_is_decoded(size: tuple[int, int]):
    assert size[0] * size[1] > MAX_PIXELS
    with pytest.raises(ValueError, match="max_pixels|too large"):
        open_image(png_claiming(*size))


def test_the_limit_counts_pixels():
    data = png(8, 6)
    assert open_image(data, max_pixels=48).size == image_size(data, max_pixels=48) == (8, 6)
    for function in (open_image, image_size):
        with pytest.raises(ValueError, match="8 x 6 pixels, more than max_pixels=47"):
            function(data, max_pixels=47)


def test_palette_colours_are_looked_up():
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    for x in range(3):
        image.putpixel((x, 0), x)
    opened = as_rgb(image)
    assert [opened.getpixel((x, 0)) for x in range(3)] == [(10, 20, 30), (40, 50, 60), (70, 80, 90)]


@pytest.mark.parametrize("value", [0, 77, 255])
def test_gray_becomes_three_equal_channels(value: int):
    assert as_rgb(Image.new("L", (2, 2), value)).getpixel((1, 1)) == (value,) * 3
    assert as_rgb(Image.new("LA", (2, 2), (value, 255))).getpixel((1, 1)) == (value,) * 3


@pytest.mark.parametrize("value", [0, 77, 255])
def test_sixteen_bit_gray_keeps_its_brightness(value: int):
    assert as_rgb(Image.new("I;16", (2, 2), value * 257)).getpixel((1, 1)) == (value,) * 3


def test_black_and_white_and_alpha_become_rgb():
    assert as_rgb(Image.new("1", (2, 2), 1)).getpixel((0, 0)) == (255, 255, 255)
    assert as_rgb(Image.new("RGBA", (2, 2), (1, 2, 3, 255))).getpixel((0, 0)) == (1, 2, 3)


@settings(deadline=None)
@given(st.sampled_from(FILES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6), st.floats(0, 1))
def test_no_damage_gives_anything_but_an_image_or_a_value_error(
    data: bytes, edits: list[tuple[float, int]], cut: float
):
    damaged = bytearray(data)
    for where, value in edits:
        damaged[int(where**2 * (len(data) - 1))] = value  # mostly in the header
    damaged = damaged[: len(damaged) if cut > 0.5 else int(2 * cut * len(damaged))]
    for function in (open_image, image_size):
        with suppress(ValueError):
            function(bytes(damaged), max_pixels=100_000)


def test_an_unknown_pixel_format_is_refused():
    data = bytearray(FILES[FORMATS.index("DDS")])
    data[80:84] = bytes(4)  # the pixel format's flags
    with pytest.raises(ValueError, match="Image <bytes>"):
        open_image(bytes(data))
