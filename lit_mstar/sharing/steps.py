"""Labelled steps as a data set: in our columns with images, and in TRL's stepwise format."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lit_mstar.files import atomic

_SPLITS = {"train": "train", "validate": "validation", "test": "test"}  # ours, and what the hub calls them


def write_steps_set(folder: Path, out: Path) -> dict[str, int]:
    """Writes `data/`, soft labels in [0, 1] and images, and `trl/`, text alone with labels that are true or false.

    TRL's trainer rounds labels down, so that 0.75 would be wrong: there a step is right if any completion from it was.

    Returns:
        How many chains each split has, by the hub's names.

    Raises:
        ValueError: If there are no labelled steps.
    """
    counts: dict[str, int] = {}
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


def _write_trl(file: Path, out: Path) -> int:
    with pq.ParquetFile(file) as rows:
        table = rows.read(["prompt", "completions", "labels"])
    labels = table["labels"].combine_chunks()
    right = pa.ListArray.from_arrays(labels.offsets, pc.greater(labels.values, 0), mask=None)
    with atomic(out) as partial:
        pq.write_table(
            pa.table({"prompt": table["prompt"], "completions": table["completions"], "labels": right}), partial
        )
    return len(table)
