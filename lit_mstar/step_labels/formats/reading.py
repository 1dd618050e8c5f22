"""Labelled steps in whatever format a file has; what cannot be read is counted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_warn

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.step_labels.formats import mm_prm, process_bench, trl, visualprm
from lit_mstar.step_labels.formats.rows import KINDS, Row, read_rows

_FORMATS: tuple[tuple[str, Callable[[Row], bool], Callable[[Row, Path], StepExample]], ...] = (
    ("VisualPRM400K, raw", visualprm.fits_raw, visualprm.read_raw),
    ("VisualPRM400K, conversations", visualprm.fits_conversation, visualprm.read_conversation),
    ("MM-PRM", mm_prm.fits, mm_prm.read),
    ("VisualProcessBench", process_bench.fits_visual, process_bench.read_visual),
    ("ProcessBench", process_bench.fits, process_bench.read),
    ("TRL", trl.fits, trl.read),
)


@dataclass
class Reading:
    """Reads files of labelled steps.

    Args:
        image_root: The folder that images named by their paths may come from; each file's own by default.
        formats: How many rows of each format there were.
        bad: What was wrong with rows that cannot be used, by reason, with where the first of it stands.
    """

    image_root: Path | None = None
    formats: Counter[str] = field(default_factory=Counter)
    bad: dict[str, list[str]] = field(default_factory=dict)

    def examples(self, file: Path) -> Iterator[tuple[str, StepExample]]:
        """The chains of a file, each with the split that its row names, or "".

        Raises:
            ValueError: If the file cannot be read at all.
        """
        root = self.image_root or file.parent
        for number, row in read_rows(file):
            try:
                if isinstance(row, ValueError):
                    raise row
                name, reader = _format_of(row)
                yield str(row.get("split") or ""), reader(row, root)
                self.formats[name] += 1
            except (ValueError, TypeError, AttributeError) as error:
                self.bad.setdefault(str(error), []).append(f"{file}, row {number}")

    @property
    def unusable(self) -> int:
        """How many rows cannot be used."""
        return sum(map(len, self.bad.values()))

    def require_usable(self, what: str, most_bad: float, remedy: str = "most_bad") -> None:
        """Says what of the rows cannot be used, or refuses.

        Args:
            what: Whose rows they are, for messages.
            most_bad: The largest share that may be unusable.
            remedy: By which arguments more are allowed.

        Raises:
            ValueError: If there are more of them.
        """
        bad, total = self.unusable, self.unusable + self.formats.total()
        if not bad:
            return
        said = f"{what}: {bad} of {total} rows cannot be used: {self.said()}"
        if bad > most_bad * total:
            raise ValueError(f"{said}. Correct them, or allow more by {remedy}.")
        rank_zero_warn(said)

    def said(self) -> str:
        """What was wrong, the most frequent first, in a few sentences."""
        ranked = sorted(self.bad.items(), key=lambda item: -len(item[1]))
        return "; ".join(f"{len(places)} of them: {why} (first in {places[0]})" for why, places in ranked[:3])


def _format_of(row: Row) -> tuple[str, Callable[[Row, Path], StepExample]]:
    for name, fits, reader in _FORMATS:
        if fits(row):
            return name, reader
    raise ValueError(
        f"its fields are {', '.join(sorted(map(str, row)))}; known are {', '.join(name for name, _, _ in _FORMATS)}."
    )


def step_files(path: Path) -> list[Path]:
    """The files of labelled steps in a folder, or the file itself; none where it has none."""
    if path.is_file():
        return [path]
    return sorted(file for kind in KINDS for file in path.glob(f"*{kind}"))


def split_of(named: str, problem: str, held_out: float) -> str:
    """The split that a row or a file names by how it begins; otherwise drawn, the same for all chains of a problem.

    Args:
        named: "train", "validation", "test-00000-of-00003", …
        problem: The problem's id.
        held_out: The share of problems that validate, and of those that test.
    """
    for beginning, split in (("train", "train"), ("val", "validate"), ("dev", "validate"), ("test", "test")):
        if named.lower().startswith(beginning):
            return split
    drawn = int(hashlib.sha256(problem.encode()).hexdigest()[:12], 16) / 16**12
    return "validate" if drawn < held_out else "test" if drawn < 2 * held_out else "train"
