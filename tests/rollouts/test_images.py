from __future__ import annotations

import io
import os
import re
import struct
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image

from lit_mstar.rollouts import images
from lit_mstar.rollouts.images import FORMATS, MAX_PIXELS, image_bytes, image_inside, image_size, open_image
from support.helpers import png


def encoded(image: Image.Image, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format)
    return buffer.getvalue()


FILES = [encoded(Image.effect_noise((12, 9), 60).convert("RGB"), format) for format in FORMATS]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; its pixels are missing."""
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


@pytest.mark.parametrize("format", FORMATS)
def test_the_known_formats_are_opened(format: str):
    data = FILES[FORMATS.index(format)]
    assert open_image(data).tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes()


@pytest.mark.parametrize("format", ["DDS", "EPS", "ICO", "IM", "PCX", "PPM", "SGI", "TGA"])
def test_other_formats_are_refused(format: str):
    data = encoded(Image.new("RGB", (16, 16)), format)
    assert Image.open(io.BytesIO(data)).format == format  # Pillow by itself would take it
    for function in (open_image, image_size):
        with pytest.raises(ValueError, match="not a readable image file.*replace it by a PNG, JPEG"):
            function(data)


def test_no_image_starts_ghostscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    marker, program = tmp_path / "was-run", tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    data = encoded(Image.new("RGB", (4, 4)), "EPS")
    with suppress(OSError):  # it runs a program and misses its output
        Image.open(io.BytesIO(data)).load()
    assert marker.exists()
    marker.unlink()
    for function in (open_image, image_size):
        with pytest.raises(ValueError, match="not a readable image file"):
            function(data)
    assert not marker.exists()


@pytest.mark.parametrize("where", ["before the pixels", "after the pixels"])
@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_bomb_in_a_text_chunk_is_not_inflated(kind: bytes, where: str):
    bomb = zlib.compress(bytes(100 * 2**20), 1)
    assert len(bomb) < 2**20
    text = {b"zTXt": b"key\0\0", b"iTXt": b"key\0\1\0\0\0", b"iCCP": b"name\0\0"}[kind] + bomb
    good = png(4, 4, (1, 2, 3))
    start = good.index(b"IDAT" if where.startswith("before") else b"IEND") - 4
    data = good[:start] + chunk(kind, text) + good[start:]
    tracemalloc.start()
    try:
        with suppress(ValueError):
            assert open_image(data).getpixel((0, 0)) == (1, 2, 3)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


def test_of_an_animation_only_the_first_frame_is_decoded():
    frames = [Image.new("P", (4, 4), value) for value in range(3)]
    for frame in frames:
        frame.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    buffer = io.BytesIO()
    frames[0].save(buffer, format="GIF", save_all=True, append_images=frames[1:])
    whole = buffer.getvalue()
    assert getattr(Image.open(io.BytesIO(whole)), "n_frames", 1) == 3
    opened = open_image(whole)
    assert (opened.size, opened.getpixel((0, 0)), getattr(opened, "n_frames", 1)) == ((4, 4), (10, 20, 30), 1)
    half = whole[: whole.index(b"\x21\xf9", whole.index(b"\x21\xf9") + 2) + 6]  # later frames are missing
    assert open_image(half).tobytes() == opened.tobytes()


def test_a_longer_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data, file = png(), tmp_path / "image.png"
    file.write_bytes(data)
    monkeypatch.setattr(images, "MAX_BYTES", len(data))
    assert image_bytes(data) == image_bytes(str(file)) == data
    assert image_size(str(file)) == image_size(data)
    monkeypatch.setattr(images, "MAX_BYTES", len(data) - 1)
    for function in (open_image, image_size, image_bytes):
        for image, name in ((data, "<bytes>"), (str(file), "image.png")):
            with pytest.raises(ValueError, match=f"{name} has {len(data)} bytes, more than {len(data) - 1}; scale"):
                function(image)


def test_a_gigabyte_of_nothing_is_refused_unread(tmp_path: Path):
    file = tmp_path / "huge.png"
    with file.open("wb") as sparse:
        sparse.write(png())
        sparse.truncate(2**30)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"huge\.png has 1073741824 bytes"):
            image_bytes(str(file))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder `data` with images and links, beside a secret."""
    for name in ("secret.png", "data/good.png", "data/sub/good.png", "data-2/good.png", "pool/good.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(png())
    data = tmp_path / "data"
    (data / "inside.png").symlink_to("sub/good.png")
    (data / "sub/up.png").symlink_to("../good.png")
    (data / "out.png").symlink_to("../secret.png")
    (data / "chain.png").symlink_to("out.png")
    (data / "folder").symlink_to(tmp_path)
    (data / "loop").symlink_to("loop")
    (tmp_path / "alias").symlink_to("data")
    return data


INSIDE = ["good.png", "./good.png", "sub/good.png", "sub/../good.png", "../data/good.png", "inside.png", "sub/up.png"]
OUTSIDE = [
    *["../secret.png", "sub/../../secret.png", "../data-2/good.png"],
    *["out.png", "chain.png", "folder/secret.png", "folder/data/../secret.png", "sub/../folder/pool/good.png"],
    *["/etc/hostname", "//etc/hostname", "/proc/self/environ"],
]


@pytest.mark.parametrize("name", INSIDE)
def test_what_stays_in_the_folder_is_opened(tree: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tree.parent)
    for root in (tree, Path("data"), tree.parent / "alias"):
        for path in (name, str((root / name).absolute())):
            assert image_size(image_inside(root, path, "option")) == (8, 8)


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_leads_out_of_the_folder_is_refused(tree: Path, name: str):
    (tree.parent / "secret.png").resolve(strict=True)
    with pytest.raises(ValueError, match=f"Image {re.escape(name)} is /.*, outside .*data; .*set Some.option to a f"):
        image_inside(tree, name, "Some.option")
    with pytest.raises(ValueError, match="outside"):
        image_inside(tree, str(tree / name), "Some.option")


@pytest.mark.parametrize("name", ["nul\0.png", "\ud800.png"])
def test_what_cannot_be_a_name_is_refused(tree: Path, name: str):
    with pytest.raises(ValueError, match="is no file name .*; correct the path"):
        image_inside(tree, name, "option")


@pytest.mark.parametrize("name", ["loop", "none.png", "x" * 5000, "good.png/x", "", ".", "sub"])
def test_what_is_no_file_is_named(tree: Path, name: str):
    path = image_inside(tree, name, "option")
    for function in (open_image, image_size, image_bytes):
        with pytest.raises(ValueError, match="does not exist; correct the path"):
            function(path)


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="does not exist"):
        open_image(str(tmp_path / "pipe"))
