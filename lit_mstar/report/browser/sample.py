"""Which problems the page shows, and their rollouts: all of them if they fit, else a sample that says so."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lit_mstar.report.run import Stage, settled
from lit_mstar.report.source import RunSource
from lit_mstar.report.tally import Tally
from lit_mstar.rollouts.nouns import Rollout
from lit_mstar.rollouts.parquet import from_table, read_table

_OVERHEAD = 60  # bytes that a response takes beside its text, about
BUDGET = 14_000_000  # bytes of responses on a page, ours: compressed, some megabytes
MOST = 100_000  # responses on a page, ours


def choose(found: Sequence[Tally], budget: int = BUDGET, most: int = MOST) -> list[str]:
    """The ids of the problems that are shown, each with all its responses; drawn by a digest of the id.

    So the same are drawn whenever it is asked, and whichever of a problem's iterations there are.
    """
    sizes: dict[str, tuple[int, int]] = {}
    for tally in found:
        for name, (length, count) in tally.asked.items():
            before = sizes.get(name, (0, 0))
            sizes[name] = (before[0] + length + _OVERHEAD * count, before[1] + count)
    chosen: list[str] = []
    size = responses = 0
    for name in sorted(sizes, key=_order):
        size, responses = size + sizes[name][0], responses + sizes[name][1]
        if chosen and (size > budget or responses > most):
            break
        chosen.append(name)
    return chosen


def rollouts_of(stage: Stage, index: int, wanted: Collection[str], source: RunSource) -> list[Rollout]:
    """An iteration's rollouts of some problems."""
    ids = pa.array(sorted(wanted), pa.string())
    parts = settled(lambda: [table.filter(pc.is_in(table["problem_id"], ids)) for table in stage.tables(index)])
    return _made(pa.concat_tables(parts), source) if parts else []


def answers_to_tests(stage: Stage, source: RunSource) -> list[Rollout]:
    """What a stage answered to the test problems; nothing if it was not tested, or the file cannot be read."""
    if not stage.tested.is_file():
        return []
    try:
        return _made(read_table(stage.tested), source, ("test",))
    except (OSError, ValueError):  # damaged, or of something else
        stage.damaged.add(str(stage.tested))
        return []


def _made(table: pa.Table, source: RunSource, splits: Sequence[str] = ("train", "unlabeled")) -> list[Rollout]:
    heads = table.select(["problem_id", "question", "reference"]).group_by("problem_id", use_threads=False)
    rows = heads.aggregate([("question", "first"), ("reference", "first")]).to_pylist()
    named = [
        {"problem_id": r["problem_id"], "question": r["question_first"], "reference": r["reference_first"]}
        for r in rows
    ]
    return from_table(table, [source.find(row, splits) for row in named])


def _order(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
