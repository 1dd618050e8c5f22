"""`lit-mstar annotate`: responses of a policy with Monte-Carlo labels for their steps, as a data set.

Parquet in the stepwise format (`prompt`, `completions`, `labels`) that reward trainers read, with the images beside
it. One file per batch of problems; a rerun skips the problems that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lit_mstar.data.source import ProblemSource
from lit_mstar.files import atomic
from lit_mstar.monte_carlo import label_steps
from lit_mstar.policy import PolicyModule
from lit_mstar.rollouts import Problem, SamplingParams

STEP_SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "split": pa.string(),
        "prompt": pa.string(),
        "completions": pa.list_(pa.string()),
        "labels": pa.list_(pa.float64()),
        "truth": pa.list_(pa.bool_()),  # null where nobody can tell
        "choices": pa.list_(pa.string()),
        "answer": pa.string(),
        "images": pa.list_(pa.struct({"bytes": pa.binary(), "path": pa.string()})),
    }
)


class StepAnnotator(PolicyModule):
    """A policy that predicts step labels: Lightning's predict loop is the annotation loop.

    Args:
        folder: Where the Parquet files go.
        responses: How the responses to be labelled are drawn; duplicates are labelled once.
        completions: How completions are drawn; `n` is the K of the Monte-Carlo estimate.
        **policy: As for `PolicyModule`.
    """

    def __init__(
        self,
        folder: str,
        responses: SamplingParams = SamplingParams(n=4),
        completions: SamplingParams = SamplingParams(n=8, seed=1),
        **policy: Any,
    ) -> None:
        super().__init__(**policy)
        self.folder = Path(folder)
        self.responses = responses
        self.completions = completions

    def predict_step(  # type: ignore[override]
        self, batch: Sequence[Problem], batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Labels one batch of problems, unless an earlier run did.

        Raises:
            ValueError: If the folder holds labels made with another policy or other settings.
        """
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        split = data.predict_splits[dataloader_idx]
        file = self.folder / f"{split}-{batch_idx * self.trainer.world_size + self.global_rank:05d}.parquet"
        fingerprint = repr(([p.id for p in batch], self.responses, self.completions, self.fingerprint())).encode()
        if file.exists():
            if (pq.read_schema(file).metadata or {}).get(b"fingerprint") != fingerprint:
                raise ValueError(f"{file} was labelled with another policy or other settings; remove {self.folder}.")
            return
        rows = [row | {"split": split} for row in self._annotate(batch, data.source)]
        schema = STEP_SCHEMA.with_metadata({"fingerprint": fingerprint})
        with atomic(file) as partial:
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), partial)

    def _annotate(self, problems: Sequence[Problem], source: ProblemSource) -> list[dict[str, Any]]:
        rollouts = [self.reasoning.mark(rollout) for _, rollout in self.sampler.sample(problems, self.responses)]
        chains = [(r.problem, text) for r in rollouts for text in dict.fromkeys(x.text for x in r.responses)]
        labels = label_steps(self.sampler, chains, self.completions, self.reasoning)
        return [
            _row(problem, self.reasoning.steps(text), values, source)
            for (problem, text), values in zip(chains, labels, strict=True)
            if values
        ]


def _row(problem: Problem, steps: list[str], labels: list[float], source: ProblemSource) -> dict[str, Any]:
    return {
        "id": problem.id,
        "prompt": problem.question,
        "completions": steps,
        "labels": labels,
        "truth": source.judge_steps(problem, steps),
        "choices": list(problem.choices),
        "answer": problem.answer,
        "images": [
            {"bytes": image, "path": None} if isinstance(image, bytes) else {"bytes": None, "path": image}
            for image in problem.images
        ],
    }
