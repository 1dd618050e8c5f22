"""What a model answered to the test problems, beside the number that came of it: `tested.parquet`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from lightning.pytorch import Trainer

from lit_mstar.files import atomic
from lit_mstar.rollouts.nouns import Rollout
from lit_mstar.rollouts.parquet import to_table
from lit_mstar.training.division import gather

TESTED = "tested.parquet"


def write_tested(trainer: Trainer, mine: Sequence[Rollout]) -> None:
    """Writes what all ranks have tested into the run's folder, in the ledger's columns; every rank must call it.

    Whoever compares two models problem by problem needs more than their accuracies.
    """
    table = pa.concat_tables(gather(to_table(mine)))  # without images, which the problems have
    if trainer.is_global_zero and len(table) and not trainer.fast_dev_run:  # type: ignore[attr-defined]
        with atomic(Path(trainer.default_root_dir) / TESTED) as partial:
            pq.write_table(table, partial)
