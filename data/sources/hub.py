"""Rows from the Hugging Face hub, by `datasets`; images stay encoded, for they are checked before they are decoded."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any


def hub_rows(
    path: str, split: str, name: str | None = None, revision: str | None = None, streaming: bool = False
) -> Iterator[tuple[str, dict[str, Any] | ValueError]]:
    """Yields ("path/split:row", fields), rows counted from 1.

    Not run against the hub by us: local folders in its layout were.

    Args:
        path: "owner/name", or a local folder.
        split: As it is called there.
        name: The configuration, where there are several.
        revision: A commit.
        streaming: Fetch rows as they are needed.

    Raises:
        ValueError: If `datasets` is not installed, or does not find it.
    """
    if find_spec("datasets") is None:
        raise ValueError("Reading from the hub needs the package datasets: pip install 'lit-mstar[data]'.")
    from datasets import Image, List, load_dataset
    from datasets.exceptions import DatasetNotFoundError

    try:
        found = load_dataset(path, name, split=split, revision=revision, streaming=streaming)
    except (DatasetNotFoundError, FileNotFoundError, ValueError, ConnectionError) as error:
        raise ValueError(f"{path!r}, split {split!r}: {error}") from error
    for column, feature in (found.features or {}).items():
        if isinstance(feature, Image):
            found = found.cast_column(column, Image(decode=False))
        elif isinstance(feature, List) and isinstance(feature.feature, Image):
            found = found.cast_column(column, List(Image(decode=False)))
    for number, row in enumerate(found, start=1):
        yield f"{path}/{split}:{number}", dict(row)
