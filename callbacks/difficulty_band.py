"""Leaves out problems that earlier iterations found too easy or too hard to learn from."""

from __future__ import annotations

from functools import partial
from typing import cast

import pyarrow.compute as pc
import pyarrow.parquet as pq
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.ranks import on_rank_zero
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import Iteration

_Counts = dict[str, tuple[int, int]]  # by problem: right responses, marked responses


class DifficultyBand(EvolutionCallback):
    """Samples only problems whose responses were right neither too rarely nor too often so far (ours).

    What is always right teaches nothing new, what is never right gives nothing to learn from; both cost as much to
    sample as the rest. The ledger knows the share of right responses in the last iterations that sampled a problem; a
    problem that it does not know is sampled. How many are left out is `band/easy` and `band/hard` in the iteration's
    metrics.

    Args:
        low: Smallest share of right responses; by default a problem that was never solved is left out.
        high: Largest share; by default a problem that was always solved is left out.
        window: Of how many iterations that sampled a problem the latest ones count.
        again: Each problem that was left out is tried again after so many iterations; None never does.

    Raises:
        ValueError: If a value is outside its range.
    """

    def __init__(self, low: float = 0.001, high: float = 0.999, window: int = 2, again: int | None = 12) -> None:
        if not 0 <= low < high <= 1:
            raise ValueError(f"DifficultyBand is [{low}, {high}]; it must be 0 <= low < high <= 1.")
        if window < 1 or (again is not None and again < 1):
            raise ValueError(f"DifficultyBand.window is {window} and again {again}; both must be at least 1.")
        self.low = low
        self.high = high
        self.window = window
        self.again = again
        self._seen: dict[int, _Counts] = {}  # by iteration; what the ledger says of it does not change any more

    def on_sampling_start(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Takes problems out; if that would be all of them, it takes none, and says so."""
        ledger = cast(SelfEvolvingDataModule, trainer.datamodule).ledger  # type: ignore[attr-defined]
        for index in range(iteration.index):
            if index not in self._seen:
                self._seen[index] = on_rank_zero(partial(_counts, ledger, index))
        verdicts = [self._verdict(problem.id, iteration.index) for problem in iteration.problems]
        kept = [problem for problem, verdict in zip(iteration.problems, verdicts, strict=True) if not verdict]
        iteration.metrics |= {f"band/{kind}": float(verdicts.count(kind)) for kind in ("easy", "hard")}
        if not kept:
            rank_zero_warn(
                f"DifficultyBand would leave out all {len(verdicts)} problems of iteration {iteration.index}, so it "
                "leaves out none; widen its band, or give it problems of other difficulty."
            )
            return
        iteration.problems = kept

    def _verdict(self, problem: str, now: int) -> str:
        """Says "easy" or "hard" of a problem that is left out, else nothing."""
        sampled = [index for index in range(now) if problem in self._seen[index]]
        if not sampled or (self.again is not None and now - sampled[-1] >= self.again):
            return ""
        counts = [self._seen[index][problem] for index in sampled[-self.window :]]
        share = sum(right for right, _ in counts) / sum(marked for _, marked in counts)
        return "hard" if share < self.low else "easy" if share > self.high else ""


def _counts(ledger: Ledger, index: int) -> _Counts:
    found: _Counts = {}
    for file in ledger.files(index):
        table = pq.read_table(file, columns=["problem_id", "correct"]).drop_null()
        grouped = table.append_column("one", pc.cast(table["correct"], "int32")).group_by("problem_id")
        for row in grouped.aggregate([("one", "sum"), ("one", "count")]).to_pylist():
            found[row["problem_id"]] = (row["one_sum"], row["one_count"])
    return found
