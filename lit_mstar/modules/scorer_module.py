"""A scorer that is measured: `lit-mstar test --config configs/benchmarks/visualprocessbench.yaml --ckpt_path PRM`."""

from __future__ import annotations

from lightning.pytorch import LightningModule

from lit_mstar.modules.scorer import scorer_of
from lit_mstar.scorers.base import StepScorer


class ScorerModule(LightningModule):
    """Scores the chains of a `StepBenchmarkDataModule`, which keeps the scores and counts.

    Args:
        scorer: The folder of a trained PRM, a YAML file that describes any other scorer, or the scorer;
            `lit-mstar test --ckpt_path` fills it in.
        batch_size: Most responses scored at the same time, by a PRM in a folder.
    """

    def __init__(self, scorer: str | StepScorer | None = None, batch_size: int = 256) -> None:
        super().__init__()
        if scorer is None:
            raise ValueError(
                "There is no scorer to test: name one by --ckpt_path, the folder of a trained PRM or a YAML file that "
                "describes another (configs/scorers/)."
            )
        self.given = scorer
        self.batch_size = batch_size
        self._scorer: StepScorer | None = None

    @property
    def scorer(self) -> StepScorer:
        """The scorer, made and checked when it is first asked for."""
        if self._scorer is None:
            self._scorer = scorer_of(self.given, self.batch_size)
        return self._scorer

    def setup(self, stage: str) -> None:
        """Refuses what cannot score before any data are read."""
        _ = self.scorer

    def test_step(self, batch: int, batch_idx: int) -> None:
        """Scores one part of a benchmark, by its number, unless an earlier run did; ranks take them in turn."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if batch % self.trainer.world_size != self.trainer.global_rank:
            return
        data.score_part(data.parts[batch], self.scorer)

    def on_test_epoch_end(self) -> None:
        """Waits for all ranks: one of them counts what all have kept."""
        self.trainer.strategy.barrier()

    def teardown(self, stage: str) -> None:
        """Ends what the scorer has started."""
        if self._scorer is not None:
            self._scorer.close()
