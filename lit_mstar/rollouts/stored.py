"""An iteration's rollouts as a sequence of which only a chunk is in memory at a time.

A paper-sized iteration has 45,000 problems with 16 responses each; as Python objects they would fill a machine. What
callbacks change in the chunk at hand (scores, selections) goes to a scratch file when the next chunk is taken, so
plain loops over `iteration.rollouts` work. A rollout that is kept beyond its chunk is a copy: change it while it is
its turn.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import overload

import pyarrow as pa
import pyarrow.parquet as pq

from lit_mstar.rollouts.nouns import Problem, Rollout
from lit_mstar.rollouts.parquet import from_table, read_table, to_table


class StoredRollouts(Sequence[Rollout]):
    """Rollouts that are read chunk by chunk; changes last as long as this object.

    Args:
        chunks: The problems, divided: what is in memory together.
        load: Reads the rows of one chunk, by its number; called again whenever its turn comes anew.
        folder: Where the scratch folder goes; it needs room for the iteration's responses.
        scratch: Such a folder that is there already; it ends with this object.
    """

    def __init__(
        self,
        chunks: Sequence[Sequence[Problem]],
        load: Callable[[int], pa.Table],
        folder: Path,
        scratch: TemporaryDirectory[str] | None = None,
    ) -> None:
        self.chunks = chunks
        self._load = load
        self._folder = folder
        self._scratch = scratch
        self._ends = list(accumulate(len(chunk) for chunk in chunks))
        self._number = -1  # of the chunk in memory
        self._rollouts: list[Rollout] = []
        self._table = to_table([])  # the chunk as it was read

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Rollout: ...
    @overload
    def __getitem__(self, index: slice) -> list[Rollout]: ...
    def __getitem__(self, index: int | slice) -> Rollout | list[Rollout]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # IndexError as of any sequence
        number = bisect_right(self._ends, position)
        rollouts = self._take(number)
        return rollouts[position - (self._ends[number] - len(rollouts))]

    def put_back(self) -> None:
        """Writes down what was changed in memory; whatever is asked for next is read anew, as a ledger keeps it."""
        if self._number >= 0 and not (table := to_table(self._rollouts)).equals(self._table):
            self._scratch = self._scratch or TemporaryDirectory(prefix="_scratch-", dir=self._folder)
            pq.write_table(table, self._changed(self._number))
        self._number = -1

    def _take(self, number: int) -> list[Rollout]:
        if number != self._number:
            self.put_back()
            changed = self._changed(number)
            self._table = read_table(changed) if changed and changed.exists() else self._load(number)
            self._rollouts, self._number = from_table(self._table, self.chunks[number]), number
        return self._rollouts

    def _changed(self, number: int) -> Path | None:
        return Path(self._scratch.name) / f"{number}.parquet" if self._scratch else None
