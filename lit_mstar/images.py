"""Opening images that nobody vouches for: size limits before pixels are decoded, errors that name the file."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

MAX_PIXELS = 64_000_000  # ours: about 8000 x 8000; a larger claim is taken for a decompression bomb
_UNREADABLE = (OSError, SyntaxError, ValueError, RuntimeError)  # what Pillow's decoders raise at damaged files


def open_image(image: str | bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Opens one image as RGB.

    Args:
        image: A file path, or the bytes of an encoded image file.
        max_pixels: Largest width x height that is decoded.

    Raises:
        ValueError: If the image is missing, unreadable or claims more pixels than `max_pixels`.
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


def _open_header(image: str | bytes, name: str, max_pixels: int) -> Image.Image:
    if isinstance(image, str) and not Path(image).is_file():
        raise ValueError(f"Image {name} does not exist; correct the path (it is relative to the data file).")
    try:
        handle = Image.open(io.BytesIO(image) if isinstance(image, bytes) else image)
    except Image.DecompressionBombError as error:
        raise ValueError(f"Image {name} is too large ({error}); scale it down.") from error
    except _UNREADABLE as error:
        raise ValueError(f"Image {name} is not a readable image file ({error}); replace it.") from error
    width, height = handle.size
    if width * height > max_pixels:
        handle.close()
        raise ValueError(
            f"Image {name} claims {width} x {height} pixels, more than max_pixels={max_pixels}; scale it down."
        )
    return handle
