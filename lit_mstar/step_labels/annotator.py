"""`lit-mstar annotate`: responses of a policy with Monte-Carlo labels for their steps, as a data set.

Parquet in the stepwise format (`prompt`, `completions`, `labels`) that reward trainers read, with the images beside
it. One file per batch of problems; a rerun skips the problems that are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_warn

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.rollouts.identity import digest, question_digest, reference_digest
from lit_mstar.rollouts.nouns import Judge, Problem, SamplingParams
from lit_mstar.step_labels.monte_carlo import label_steps
from lit_mstar.step_labels.parquet import read_fingerprint, write_steps
from lit_mstar.training.division import gather


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
        self._chains, self._blank = 0, 0

    def on_predict_epoch_start(self) -> None:
        """As for every policy; and begins to count what has no steps."""
        super().on_predict_epoch_start()
        self._chains, self._blank = 0, 0

    def on_predict_epoch_end(self) -> None:
        """Says once, for all batches and ranks, what had no steps to label."""
        chains, blank = map(sum, zip(*gather((self._chains, self._blank)), strict=True))
        if blank:
            rank_zero_warn(f"{blank} of {chains} distinct responses are blank: no steps to label.")

    def predict_step(  # type: ignore[override]
        self, batch: Iterable[Problem], batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Labels one batch of problems, unless an earlier run did.

        Raises:
            ValueError: If the folder holds labels made with another policy, other data or other settings.
        """
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        batch = list(batch)
        split = data.predict_splits[dataloader_idx]
        file = self.folder / f"{split}-{batch_idx * self.trainer.world_size + self.global_rank:05d}.parquet"
        content = [(question_digest(problem), reference_digest(problem)) for problem in batch]
        settings = (self.responses, self.completions, self.encoder.said, self.marker.settings(), self.fingerprint())
        fingerprint = digest((*content, *settings)).encode()
        if file.exists():
            if read_fingerprint(file) != fingerprint:
                raise ValueError(
                    f"{file} was labelled with another policy, other data or other settings; remove {self.folder} to "
                    "label anew, or set model.init_args.folder to another one."
                )
            return
        write_steps(file, split, self._annotate(batch, data.source.judge_steps), fingerprint)

    def _annotate(self, problems: Sequence[Problem], judge: Judge) -> list[StepExample]:
        rollouts = [self.marker.mark(rollout) for _, rollout in self.sampler.sample(problems, self.responses)]
        chains = [(r.problem, text) for r in rollouts for text in dict.fromkeys(x.text for x in r.responses)]
        steps = [self.marker.reasoning.steps(text) for _, text in chains]
        labels = label_steps(self.sampler, chains, self.completions, self.marker)
        self._chains += len(steps)
        self._blank += steps.count([])
        return [
            StepExample(problem=problem, steps=parts, labels=values, truth=judge(problem, parts))
            for (problem, _), parts, values in zip(chains, steps, labels, strict=True)
            if parts
        ]
