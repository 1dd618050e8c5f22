"""What a model answered to the test problems, beside the number that came of it: `tested.parquet`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
    rollouts = {rollout.problem.id: rollout for part in gather(list(mine)) for rollout in part}
    if trainer.is_global_zero and rollouts and not trainer.fast_dev_run:  # type: ignore[attr-defined]
        with atomic(Path(trainer.default_root_dir) / TESTED) as partial:
            pq.write_table(to_table([*rollouts.values()]), partial)
