"""Opening images that nobody vouches for: few formats, size limits before pixels are decoded, errors that name files.

Which files a data set may name is decided here too.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image

MAX_PIXELS = 64_000_000  # ours: about 8000 x 8000; a larger claim is taken for a decompression bomb
MAX_BYTES = 64 * 2**20  # ours, for an image file; it may be held in memory and is copied into step data sets
# Pillow knows many more. EPS it gives to Ghostscript, which runs programs; others have decoders that few have tested.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
# What Pillow's decoders raise at damaged files.
_UNREADABLE = (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError)


def open_image(image: str | bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Opens one image as RGB; of an animation the first frame.

    Args:
        image: A file path, or the bytes of an encoded image file.
        max_pixels: Largest width x height that is decoded.

    Raises:
        ValueError: If the image is missing, unreadable, of a format that is not in `FORMATS`, longer than `MAX_BYTES`
            or claims more pixels than `max_pixels`.
    """
    name = "<bytes>" if isinstance(image, bytes) else image
    handle = _open_header(image, name, max_pixels)
    try:
        if handle.mode.startswith("I;16"):  # Pillow would clip 16 bits to 255, which is white
            handle = handle.point(lambda value: value / 256)
        return handle.convert("RGB")
    except _UNREADABLE as error:
        raise ValueError(f"Image {name} cannot be decoded ({error}); replace or remove it.") from error


def image_size(image: str | bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Reads an image's header only; raises what `open_image` would for a missing, foreign or huge file.

    Returns:
        (width, height) in pixels.
    """
    name = "<bytes>" if isinstance(image, bytes) else image
    with _open_header(image, name, max_pixels) as handle:
        return handle.size


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
