"""Rows from files, one for each split."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lit_mstar.data.sources.row_source import Row, RowSource
from lit_mstar.data.sources.source import Split


class FileSource(RowSource):
    """Problems from one file, or folder of files, per split; subclasses say by `read` how rows lie in it.

    Args:
        train: Problems with answers.
        validate: Problems with answers, to watch the training.
        test: Problems with answers, for the final figure.
        seed: Problems with answers and `reasoning`, for warmup.
        unlabeled: Problems that may leave `answer` out; where it is there, it only judges guesses at it.
        **checks: As for `RowSource`.
    """

    def __init__(
        self,
        train: Path | None = None,
        validate: Path | None = None,
        test: Path | None = None,
        seed: Path | None = None,
        unlabeled: Path | None = None,
        **checks: Any,
    ) -> None:
        super().__init__(**checks)
        self.files: dict[Split, Path | None] = {
            **{"train": train, "validate": validate, "test": test, "seed": seed, "unlabeled": unlabeled}
        }

    @abstractmethod
    def read(self, path: Path, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """Yields the rows of a file, or of a folder; as `RowSource.raw`."""

    def raw(self, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """See `RowSource.raw`.

        Raises:
            ValueError: If the split's file does not exist.
        """
        if (path := self.files[split]) is None:
            return
        if not Path(path).exists():
            raise ValueError(f"{path} does not exist; correct {type(self).__name__}.{split}.")
        yield from self.read(Path(path), split)
