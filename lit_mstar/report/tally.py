"""One pass over all responses of a stage, a row group in memory at a time: counts, scores, and who was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lit_mstar.report.run import Stage, settled

BINS = 20  # of scores in [0, 1], ours


def _zeros() -> NDArray[np.float64]:
    return np.zeros(BINS)


@dataclass
class Tally:
    """Of one iteration.

    Args:
        index: The iteration's.
        header: What the ledger says of it.
        sampled: Responses.
        right: Of them.
        kept: Of them.
        cut: At `max_tokens`.
        unknown: Without a verdict.
        tokens: Of all responses.
        learned: Tokens of those that are kept.
        first: Responses of first waves, without the later ones that were only drawn if these were wrong. Shares are
            of them, and all that is said of scores; where there are no waves, they are all.
        first_right: Of them.
        steps_right: How many steps of right responses score in each bin, (BINS,).
        steps_wrong: The same of wrong ones.
        scored: How many responses score in each bin, (BINS,).
        scored_right: Of these, the right ones.
        score_sum: The sum of scores in each bin.
        asked: By problem: bytes of its responses' texts, how many there are.
    """

    index: int
    header: dict[str, Any]
    sampled: int = 0
    right: int = 0
    kept: int = 0
    cut: int = 0
    unknown: int = 0
    tokens: int = 0
    learned: int = 0
    first: int = 0
    first_right: int = 0
    steps_right: NDArray[np.float64] = field(default_factory=_zeros)
    steps_wrong: NDArray[np.float64] = field(default_factory=_zeros)
    scored: NDArray[np.float64] = field(default_factory=_zeros)
    scored_right: NDArray[np.float64] = field(default_factory=_zeros)
    score_sum: NDArray[np.float64] = field(default_factory=_zeros)
    asked: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """What was measured in the iteration, as far as it is numbers."""
        found = self.header.get("metrics") or {}
        return {name: value for name, value in found.items() if isinstance(value, (int, float)) and isfinite(value)}


def tallies(stage: Stage) -> list[Tally]:
    """Every iteration of a stage, complete or not."""
    return [_whole(stage, header) for header in stage.measured]


def _whole(stage: Stage, header: dict[str, Any]) -> Tally:
    def counted() -> Tally:
        tally = Tally(header["index"], header)
        for table in stage.tables(tally.index):
            _add(tally, table)
        return tally

    return settled(counted)


def _add(tally: Tally, table: pa.Table) -> None:
    right = pc.fill_null(table["correct"], False).to_numpy()
    known = pc.is_valid(table["correct"]).to_numpy()
    kept = table["selected"].to_numpy()
    tokens = pc.fill_null(pc.list_value_length(table["token_ids"]), 0).to_numpy()
    tally.sampled += len(table)
    tally.right += int(right.sum())
    tally.kept += int(kept.sum())
    tally.unknown += int((~known).sum())
    tally.cut += int(pc.sum(pc.equal(table["finish_reason"], "length")).as_py() or 0)
    tally.tokens += int(tokens.sum())
    tally.learned += int(tokens[kept].sum())
    first = table["index"].to_numpy() < (tally.header.get("waves") or {}).get("first", np.inf)
    tally.first += int(first.sum())
    tally.first_right += int(right[first].sum())
    _add_scores(tally, table.filter(first), right[first], known[first])
    columns = {"problem": table["problem_id"], "length": pc.binary_length(table["text"])}
    rows = pa.table(columns).group_by("problem").aggregate([("length", "sum"), ("length", "count")])
    for row in rows.to_pylist():
        length, count = tally.asked.get(row["problem"], (0, 0))
        tally.asked[row["problem"]] = (length + row["length_sum"], count + row["length_count"])


def _add_scores(tally: Tally, table: pa.Table, right: NDArray[np.bool_], known: NDArray[np.bool_]) -> None:
    lists = table["step_scores"].combine_chunks()
    owner = pc.list_parent_indices(lists).to_numpy()
    scores = pc.list_flatten(lists).to_numpy()
    owner, bins = owner[np.isfinite(scores)], _bin(scores[np.isfinite(scores)])
    for counts, chosen in ((tally.steps_right, right & known), (tally.steps_wrong, ~right & known)):
        counts += np.bincount(bins[chosen[owner]], minlength=BINS)
    score = table["score"].to_numpy()
    there = known & np.isfinite(score)
    place = _bin(score[there])
    tally.scored += np.bincount(place, minlength=BINS)
    tally.scored_right += np.bincount(place, right[there], minlength=BINS)
    tally.score_sum += np.bincount(place, score[there], minlength=BINS)


def _bin(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip((scores * BINS).astype(np.int64), 0, BINS - 1)
