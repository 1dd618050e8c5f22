"""What a run left on disk, and whether it is what another one left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def on_disk(stage: Path) -> str:
    """A stage's checkpoints, rollouts and labelled batches, in a few words."""
    names = sorted(file.name for file in stage.glob("checkpoints/*"))
    parts = [", ".join(names)] if names else []
    if files := list(stage.glob("steps/*.parquet")):
        parts.append(f"{len(files)} batches of steps")
    if rollouts := rollouts_on_disk(stage):
        parts.append(f"rollouts of {len(rollouts)} problems")
    if (stage / "model").exists():
        parts.append("model")
    return "; ".join(parts) or "nothing"


def rollouts_on_disk(stage: Path) -> set[str]:
    """`seed problem-id` of every problem in a stage's ledger, rewarded or not."""
    found: set[str] = set()
    for header in stage.glob("rollouts/iteration=*/_iteration.json"):
        seed = json.loads(header.read_text())["sampling"]["seed"]
        for file in header.parent.glob("*.parquet"):
            ids = pq.read_table(file, columns=["problem_id"], partitioning=None).column("problem_id").to_pylist()
            found |= {f"{seed} {problem}" for problem in ids}
    return found


def sampled_again(log: Path, kept: list[tuple[int, set[str]]]) -> list[tuple[int, list[str]]]:
    """For each kill, what the ledger held of it and was sampled after it nevertheless.

    Args:
        log: The sampler's.
        kept: Per kill, the log's size in bytes and the ledger's content.
    """
    text = log.read_bytes()
    later = [(number, held & set(text[size:].decode().splitlines())) for number, (size, held) in enumerate(kept, 1)]
    return [(number, sorted(again)) for number, again in later if again]


def differences(ours: Path, theirs: Path) -> list[str]:
    """Files of results that differ in a byte, and what differs in the summary."""
    patterns = ("*/model/*", "*/rollouts/*/*", "*/steps/*")
    files = {path.relative_to(root) for root in (ours, theirs) for p in patterns for path in root.glob(p)}
    different = [f"{file} differs" for file in sorted(files) if _bytes(ours / file) != _bytes(theirs / file)]
    if _summary(ours) != _summary(theirs):
        different.append(f"summary: {_summary(ours)} != {_summary(theirs)}")
    return different


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def _summary(run: Path) -> Any:
    summary = json.loads((run / "summary.json").read_text())
    for stage in summary["stages"].values():
        del stage["seconds"]
    return summary
