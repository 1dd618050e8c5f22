"""Labelled steps as a data set: in our columns with images, and in TRL's stepwise format."""

from __future__ import annotations

import math
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.files import atomic
from lit_mstar.step_labels.formats.reading import Reading, split_of, step_files
from lit_mstar.step_labels.parquet import is_ours, write_steps

_TRL = pa.schema({"prompt": pa.string(), "completions": pa.list_(pa.string()), "labels": pa.list_(pa.bool_())})

_SPLITS = {"train": "train", "validate": "validation", "test": "test"}  # ours, and what the hub calls them


def write_steps_set(folder: Path, out: Path) -> dict[str, int]:
    """Writes `data/`, soft labels in [0, 1] and images, and `trl/`, text alone with labels that are true or false.

    TRL's trainer rounds labels down, so that 0.75 would be wrong: there a step is right if any completion from it was.
    A chain ends there before its first step that nobody has measured.

    Args:
        folder: What `annotate` wrote, or a file or a folder in any other format of labelled steps.
        out: Where to write.

    Returns:
        How many chains each split has, by the hub's names.

    Raises:
        ValueError: If there are no labelled steps.
    """
    counts: dict[str, int] = {}
    if any(not is_ours(file) for file in step_files(folder)):
        with tempfile.TemporaryDirectory() as own:
            _in_our_columns(folder, Path(own))
            return write_steps_set(Path(own), out)
    for split, name in _SPLITS.items():
        files = sorted(folder.glob(f"{split}*.parquet"))
        for number, file in enumerate(files):
            part = f"{name}-{number:05d}-of-{len(files):05d}.parquet"
            (out / "data").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, out / "data" / part)
            counts[name] = counts.get(name, 0) + _write_trl(file, out / "trl" / part)
    if not counts:
        raise ValueError(f"{folder} has no labelled steps; `lit-mstar annotate` makes them.")
    return counts


def _in_our_columns(folder: Path, out: Path) -> None:
    """Other people's chains as `annotate` would have written them; says what cannot be used."""
    reading = Reading()
    examples: dict[str, list[StepExample]] = {}
    for file in step_files(folder):
        for split, example in reading.examples(file):
            examples.setdefault(split_of(split or file.stem, example.problem.id, 0.0), []).append(example)
    reading.require_usable(str(folder), 1.0)
    for split, rows in examples.items():
        write_steps(out / f"{split}-00000.parquet", split, rows, b"")


def _write_trl(file: Path, out: Path) -> int:
    with pq.ParquetFile(file) as rows:
        table = rows.read(["prompt", "completions", "labels"])
    whole = table.to_pylist()
    rows = [row for row in map(_known, whole) if row["labels"]]
    cut = sum(len(row["labels"]) for row in whole) - sum(len(row["labels"]) for row in rows)
    if cut:
        warnings.warn(
            f"{out.name}: {cut} steps stand behind one that nobody has measured and are left out of TRL's format, "
            f"{len(whole) - len(rows)} of {len(whole)} chains with all of theirs.",
            stacklevel=3,
        )
    with atomic(out) as partial:
        pq.write_table(pa.Table.from_pylist(rows, _TRL), partial)
    return len(table)


def _known(row: dict[str, Any]) -> dict[str, Any]:
    """A chain up to its first step without a label, with hard labels."""
    end = next((k for k, label in enumerate(row["labels"]) if math.isnan(label)), len(row["labels"]))
    labels = [label > 0 for label in row["labels"][:end]]
    return {"prompt": row["prompt"], "completions": row["completions"][:end], "labels": labels}
