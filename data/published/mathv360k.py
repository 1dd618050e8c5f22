"""MathV360K: the paper's training set, 360 thousand questions from 24 collections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lit_mstar.data.published.divided_source import DividedSource
from lit_mstar.data.sources.row_source import Row
from lit_mstar.data.sources.share_gpt import collection, conversation

_IMAGES = "data_images"


class MathV360KSource(DividedSource):
    """MathV360K: one JSON list of conversations, and images in `data_images/`.

    Divided as the paper says: half of it labeled, the other half unlabeled, 750 problems to test and 250 to validate;
    which of them the paper took is not known, so ours are others. How questions spell hints and options could not be
    verified against the original file: what does not parse is counted by collection.

    Args:
        path: The folder with `train_samples_all_tuning.json` and `data_images/`, or the JSON file.
        unlabeled: The paper's half.
        **division: As for `DividedSource`.
    """

    names = dict.fromkeys(("train", "unlabeled", "validate", "test"), ("train_samples_all_tuning",))

    def __init__(self, path: str, unlabeled: float = 0.5, **division: Any) -> None:
        super().__init__(path, unlabeled=unlabeled, **division)
        if self.image_root is None:
            folder = Path(path).parent if Path(path).is_file() else Path(path)
            self.image_root = folder / _IMAGES if (folder / _IMAGES).is_dir() else folder

    def part(self, row: Row) -> str:
        """See `PublishedSource.part`: the collection."""
        return collection(row)

    def fields(self, row: Row) -> Row:
        """See `PublishedSource.fields`; the collection becomes a tag, and rows are known by their content.

        Ids, where there are any, are those of the collections that were put together: nobody says that they are unique.
        """
        found = conversation(row)
        return found | {"id": None, "tags": {"collection": found["part"]}}
