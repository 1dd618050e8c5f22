"""Opening images that nobody vouches for: few formats, size limits before pixels are decoded, errors that name files.

Which files a data set may name is decided here too.
"""

from __future__ import annotations

import io
import math
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 64_000_000  # ours: about 8000 x 8000; a larger claim is taken for a decompression bomb
MAX_BYTES = 64 * 2**20  # ours, for an image file; it may be held in memory and is copied into step data sets
# Pillow knows many more. EPS it gives to Ghostscript, which runs programs; others have decoders that few have tested.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_ORIENTATION = 0x0112  # EXIF's tag
_DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and scanners give
# What Pillow's decoders raise at damaged files.
_UNREADABLE = (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError)


def open_image(image: str | bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Opens one image as RGB, as people see it: turned as its EXIF says, on white where it is transparent.

    Of an animation it is the first frame. Grey values of more than 8 bits are scaled by the fewest bits that hold the
    largest (8, 10, 12, 14 or 16), floating-point ones by 255 where all are in [0, 1]; so nothing becomes black.

    Args:
        image: A file path, or the bytes of an encoded image file.
        max_pixels: Largest width x height that is decoded.

    Raises:
        ValueError: If the image is missing, unreadable, of a format that is not in `FORMATS`, longer than `MAX_BYTES`,
            claims more pixels than `max_pixels`, or has values that cannot be scaled.
    """
    name = "<bytes>" if isinstance(image, bytes) else image
    handle = _open_header(image, name, max_pixels)
    try:
        turned = ImageOps.exif_transpose(handle)
        if turned.mode == "F" or turned.mode.startswith("I"):
            turned = _scaled(turned, name)
        return _on_white(turned) if turned.has_transparency_data else turned.convert("RGB")
    except _ValuesError:
        raise
    except _UNREADABLE as error:
        raise ValueError(f"Image {name} cannot be decoded ({error}); replace or remove it.") from error


def image_size(image: str | bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Reads an image's header only; raises what `open_image` would for a missing, foreign or huge file.

    Returns:
        (width, height) in pixels, of the image as people see it.
    """
    name = "<bytes>" if isinstance(image, bytes) else image
    with _open_header(image, name, max_pixels) as handle:
        # Of a PNG, Pillow would decode all pixels to look for EXIF behind them; a TIFF's size is given as turned.
        asked = "exif" in handle.info if handle.format == "PNG" else handle.format != "TIFF"
        try:
            exif = handle.getexif() if asked else {}
            lying = exif.get(_ORIENTATION) in (5, 6, 7, 8)
        except _UNREADABLE:  # what is broken is found when it is decoded
            lying = False
        return (handle.height, handle.width) if lying else handle.size


def image_bytes(image: str | bytes) -> bytes:
    """The encoded image file itself, undecoded.

    Raises:
        ValueError: If it is missing or longer than `MAX_BYTES`.
    """
    if isinstance(image, bytes):
        _check_length(len(image), "<bytes>")
        return image
    _check_file(image)
    return Path(image).read_bytes()


def image_inside(root: Path, name: str, option: str) -> str:
    """The path of an image that a data set names: whoever wrote the data set chooses among the files of `root` only.

    Args:
        root: The folder that images may come from; a relative `name` starts there.
        name: As the data set has it; `..` and symbolic links are followed, and must end inside.
        option: The setting that names another folder, for the error message.

    Raises:
        ValueError: If `name` leads out of `root`, or cannot be a file's name.
    """
    path = root / name
    try:
        target = Path(os.path.realpath(path))
    except ValueError as error:  # a NUL, or half a surrogate pair
        raise ValueError(f"Image {name!r} is no file name ({error}); correct the path.") from error
    if not target.is_relative_to(os.path.realpath(root)):
        raise ValueError(
            f"Image {name} is {target}, outside {root}; put the file into that folder, or set {option} to a folder "
            "that holds all images."
        )
    return str(path)


class _ValuesError(ValueError):
    """An image whose values nobody can tell how to show."""


def _scaled(image: Image.Image, name: str) -> Image.Image:
    """Grey values of 16 or 32 bits, or floating-point ones, as 8 bits."""
    values = np.asarray(image, dtype=np.float64)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if image.mode == "F":
        scale = 255.0 if high <= 1 else 1.0
        fits = math.isfinite(low) and math.isfinite(high) and low >= 0 and high <= 255
    else:
        scale = 255 / next((2**bits - 1 for bits in _DEPTHS if high < 2**bits), 1)
        fits = low >= 0 and high < 2 ** _DEPTHS[-1]
    if not fits:
        raise _ValuesError(
            f"Image {name} has values from {low:g} to {high:g} (Pillow's mode {image.mode}), and nobody can tell which "
            "of them is white; save it with 8 or 16 bits."
        )
    return Image.fromarray(np.rint(values * scale).astype(np.uint8), mode="L")


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _open_header(image: str | bytes, name: str, max_pixels: int) -> Image.Image:
    if isinstance(image, bytes):
        _check_length(len(image), name)
    else:
        _check_file(image)
    try:
        handle = Image.open(io.BytesIO(image) if isinstance(image, bytes) else image, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError(f"Image {name} is too large ({error}); scale it down.") from error
    except _UNREADABLE as error:
        known = ", ".join(FORMATS)
        raise ValueError(f"Image {name} is not a readable image file ({error}); replace it by a {known}.") from error
    width, height = handle.size
    if width * height > max_pixels:
        handle.close()
        raise ValueError(
            f"Image {name} claims {width} x {height} pixels, more than max_pixels={max_pixels}; scale it down."
        )
    return handle


def _check_file(name: str) -> None:
    if not os.path.isfile(name):  # unlike Path.is_file, never raises
        raise ValueError(f"Image {name} does not exist; correct the path (relative ones start at the data file).")
    _check_length(os.path.getsize(name), name)


def _check_length(length: int, name: str) -> None:
    if length > MAX_BYTES:
        raise ValueError(f"Image {name} has {length} bytes, more than {MAX_BYTES}; scale it down.")
