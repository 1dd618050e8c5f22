"""Cells of tables as they come: an image is a path, bytes, base64 or a struct of these; options are lists or texts."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from ast import literal_eval
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lit_mstar.rollouts.images import MAX_BYTES
from lit_mstar.rollouts.options import LETTERS

_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\x00", b"MM\x00*")
_SHORTEST = 64  # characters, ours: what is shorter is a path, or another row's name; no image is so small
_MAX_LITERAL = 100_000  # characters, ours, of a list that is written as a text


def missing(value: Any) -> bool:
    """Whether a cell is empty: null, NaN, or blank."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and (not value.strip() or value.strip() in ("nan", "NaN")))


def image(value: Any) -> str | bytes | None:
    """An image cell as a path or as an encoded image file; None where it is empty.

    Raises:
        ValueError: If it is neither.
    """
    if missing(value):
        return None
    if isinstance(value, Mapping):  # {"bytes": …, "path": …}, as data sets of the hub have it
        inner = value.get("bytes")
        return image(value.get("path") if inner is None else inner)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if not isinstance(value, str):
        raise ValueError(f"an image is {type(value).__name__}; it must be a path, bytes, base64, or a struct of those.")
    if re.match(r"https?://", value):
        raise ValueError(f"image {value[:80]!r} is on the net; fetch it first, and name the file.")
    return _decoded(value)


def images(value: Any) -> list[str | bytes]:
    """The images of a cell, one or a list; also a list that is written as a text."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = listed(value)
    found = [image(one) for one in (value if isinstance(value, list | tuple) else [value])]
    return [one for one in found if one is not None]


def options(value: Any) -> list[Any]:
    """The options of a cell: a list, an object {"A": …}, or either written as a text.

    Raises:
        ValueError: If it is none of these, or an option is missing between others.
    """
    if missing(value):
        return []
    if isinstance(value, str):
        value = listed(value)
    if isinstance(value, Mapping):
        value = [value[key] for key in sorted(value, key=str)]
    if not isinstance(value, list | tuple):
        raise ValueError(f"options are {value!r}; they must be a list, or an object with letters for keys.")
    return without_gaps(list(value))


def without_gaps(values: list[Any]) -> list[Any]:
    """Options without the empty ones at the end.

    Raises:
        ValueError: If one is empty and a later one is not: letters would no longer be theirs.
    """
    there = [not missing(value) for value in values]
    last = max((i for i, full in enumerate(there) if full), default=-1)
    if not all(there[: last + 1]):
        gap, after = LETTERS[there.index(False)], LETTERS[last]
        raise ValueError(f"option {gap} is empty and option {after} is not; fill it, or close the gap.")
    return values[: last + 1]


def answer(value: Any, kind: str, choices: list[Any]) -> Any:
    """An answer cell as `rows.answers` takes it.

    Args:
        value: The cell.
        kind: "given" as it is, "index" of an option counted from 0, "letter", or "option" (its text).
        choices: The options.

    Raises:
        ValueError: If an index is outside the options.
    """
    if missing(value):
        return None
    if isinstance(value, Decimal):
        value = str(value)
    if isinstance(value, str) and kind == "given" and re.fullmatch(r"\s*\[\s*(['\"]).*\1\s*\]\s*", value, re.DOTALL):
        value = listed(value)
    if kind != "index":
        return value
    whole = re.fullmatch(r"\s*(\d{1,9})(\.0*)?\s*", str(value))
    index = int(whole[1]) if whole else -1
    if not 0 <= index < len(choices):
        raise ValueError(f"answer {value!r} is the index of no option; there are {len(choices)}, counted from 0.")
    return LETTERS[index]


def listed(text: str) -> Any:
    """A list or an object that is written as a text, in JSON or as Python writes it.

    Raises:
        ValueError: If it is neither.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return literal_eval(text.strip()) if len(text) < _MAX_LITERAL else None
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"{text[:60]!r} is no list; write one as in JSON.") from error


def _decoded(text: str) -> str | bytes:
    """Base64, with `data:image/…;base64,` before it or not, as bytes; anything else is a path."""
    head, found, body = text.partition(";base64,")
    if not (found and head.startswith("data:image/")):
        body = text
        if len(text) <= _SHORTEST or not _looks_encoded(text):
            return text
    if len(body) > MAX_BYTES * 4 // 3 + 4:
        raise ValueError(f"an image has {len(body)} characters of base64; that is more than {MAX_BYTES} bytes.")
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"an image is broken base64 ({error}); encode it again.") from error


def _looks_encoded(text: str) -> bool:
    try:
        return base64.b64decode(text[:16], validate=True).startswith(_MAGIC)
    except (binascii.Error, ValueError):
        return False
