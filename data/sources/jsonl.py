"""A user's own problems: one JSON object per line.

Fields: `question`; `answer` (optional in "unlabeled" alone; a list means any of them); `image` or `images` (paths
relative to the file, and not out of its folder); optional `id`, `choices`, `reasoning`, `answer_type`, `precision`,
`unit`. Other fields are for people. Whatever is wrong with a row is said before any model is loaded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from lit_mstar.data.sources.file_source import FileSource
from lit_mstar.data.sources.row_source import Row
from lit_mstar.data.sources.source import Split

_MAX_LINE = 16 * 2**20  # bytes, ours; a longer line is not a row of questions and paths


class JsonlSource(FileSource):
    """Problems from JSON Lines files, one file per split; arguments as for `FileSource`."""

    def read(self, path: Path, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """See `FileSource.read`."""
        if not path.is_file():
            raise ValueError(f"{path} does not exist as a file; correct {type(self).__name__}.{split}.")
        for where, line in json_lines(path):
            try:
                yield where, parsed(line)
            except ValueError as error:
                yield where, error


def json_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields ("file:line", line) for every line that is not blank.

    Raises:
        ValueError: If a line is far too long for a row.
    """
    with path.open("rb") as lines:
        for number in count(1):
            line, where = lines.readline(_MAX_LINE + 1), f"{path}:{number}"
            if not line:
                return
            if len(line) > _MAX_LINE:
                raise ValueError(f"{where}: the line is longer than {_MAX_LINE} bytes; put images in files.")
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if line.strip():
                yield where, line


def parsed(line: bytes) -> Row:
    """A line's object.

    Raises:
        ValueError: If it is no JSON object in UTF-8.
    """
    try:
        fields = json.loads(line.decode(), parse_float=finite, parse_constant=finite)
        json.dumps(fields, ensure_ascii=False).encode()  # half a surrogate pair could not be written down again
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid JSON in UTF-8 ({error}); write one object per line.") from error
    if not isinstance(fields, dict):
        raise ValueError(f"a row must be an object {{…}}, not {type(fields).__name__}.")
    return fields


def finite(number: str) -> float:
    """The number.

    Raises:
        ValueError: If it is NaN or infinite.
    """
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is not a finite number")
    return value
