"""A data set that comes as one file, divided: the same rows on every machine and in every run."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path

from lit_mstar.data.sources.source import Split
from lit_mstar.files import atomic


class Division:
    """Which rows are to test, to validate, labeled (train), or unlabeled.

    Rows are ordered by a digest of their keys; the first are to test, the next to validate, neither ever more than a
    fifth of all. Which these are is saved, so that a file that grows later moves none of them; of the others, a key's
    digest alone decides.

    Args:
        file: Where it is saved; read where it exists.
        test: Number of test rows.
        validate: Number of validation rows.
        unlabeled: Share of all others whose answers nobody may train on.
        seed: Another gives another division.
    """

    def __init__(self, file: Path, test: int, validate: int, unlabeled: float, seed: int) -> None:
        self.file = file
        self.asked = {"test": test, "validate": validate, "unlabeled": unlabeled, "seed": seed}

    def held_out(self, keys: Iterable[str]) -> dict[str, Split]:
        """The keys of test and validation rows.

        Raises:
            ValueError: If what is saved is another division.
        """
        if self.file.is_file():
            return self._saved()
        order = sorted(set(keys), key=lambda key: self._rank(key, "held out"))
        test, validate = (min(int(self.asked[split]), len(order) // 5) for split in ("test", "validate"))
        found: dict[Split, list[str]] = {"test": order[:test], "validate": order[test : test + validate]}
        try:
            with atomic(self.file) as partial:
                partial.write_text(json.dumps({"asked": self.asked} | found, indent=0))
        except OSError as error:
            warnings.warn(f"The division is not saved ({error}); it stays the same while the file does.", stacklevel=2)
        return {key: split for split, rows in found.items() for key in rows}

    def rest(self, key: str) -> Split:
        """Whether a row that is not held out is labeled."""
        return "unlabeled" if self._rank(key, "half") / 2**64 < float(self.asked["unlabeled"]) else "train"

    def _rank(self, key: str, purpose: str) -> int:
        """A number in [0, 2^64) that only the key, the purpose and the seed decide."""
        return int.from_bytes(hashlib.sha256(f"{self.asked['seed']} {purpose} {key}".encode()).digest()[:8], "big")

    def _saved(self) -> dict[str, Split]:
        try:
            saved = json.loads(self.file.read_text())
            asked, rows = saved["asked"], {split: list(saved[split]) for split in ("test", "validate")}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.file} is no division ({error!r}); remove it to divide anew.") from error
        if asked != self.asked:
            raise ValueError(f"{self.file} divides by {asked}, and {self.asked} is asked for; give another `division`.")
        return {str(key): split for split, keys in rows.items() for key in keys}  # type: ignore[misc]
