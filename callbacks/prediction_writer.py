"""What `lit-mstar predict` leaves behind: one JSON line per response."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

from lit_mstar.rollouts.nouns import Problem, Response


class PredictionWriter(BasePredictionWriter):
    """Writes each batch's responses as they come.

    Args:
        file: A JSON Lines file; a rank other than the first adds its number to the name.
        overwrite: A file that is there is replaced.
    """

    def __init__(self, file: str, overwrite: bool = False) -> None:
        super().__init__(write_interval="batch")
        self.file = Path(file)
        self.overwrite = overwrite

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begins with an empty file.

        Raises:
            ValueError: If the file is there already.
        """
        if stage != "predict":
            return
        if trainer.global_rank:
            self.file = self.file.with_stem(f"{self.file.stem}-{trainer.global_rank}")
        if self.file.exists() and not self.overwrite:
            raise ValueError(
                f"{self.file} exists; give PredictionWriter.file another name, or set PredictionWriter.overwrite: true."
            )
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text("")

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Sequence[Response],
        batch_indices: Sequence[int] | None,
        batch: Iterable[Problem],
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Appends one line per response."""
        with self.file.open("a", encoding="utf-8") as lines:
            for problem, response in zip(batch, prediction, strict=True):
                lines.write(json.dumps(_fields(problem, response), ensure_ascii=False) + "\n")


def _fields(problem: Problem, response: Response) -> dict[str, Any]:
    return {
        "id": problem.id,
        "question": problem.question,
        "reference": problem.answer,
        "response": response.text,
        "answer": response.answer,
        "correct": response.correct,
        "rule": response.rule,
        "finish_reason": response.finish_reason,
    }
