"""`lit-mstar annotate`: responses of a policy with Monte-Carlo labels for their steps, as a data set.

Parquet in the stepwise format (`prompt`, `completions`, `labels`) that reward trainers read, with the images beside
it. One file per batch of problems; a rerun skips the problems that are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.utilities import rank_zero_warn

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.rollouts.identity import digest, question_digest, reference_digest
from lit_mstar.rollouts.nouns import Judge, Problem, Rollout, SamplingParams
from lit_mstar.step_labels.drawing import Drawing
from lit_mstar.step_labels.monte_carlo import Cost, Labeller
from lit_mstar.step_labels.parquet import read_fingerprint, write_steps
from lit_mstar.training.division import gather


class StepAnnotator(PolicyModule):
    """A policy that predicts step labels: Lightning's predict loop is the annotation loop.

    Args:
        folder: Where the Parquet files go.
        responses: How the responses to be labelled are drawn; duplicates are labelled once.
        completions: How completions are drawn; `n` is the K of the Monte-Carlo estimate.
        drawing: When a prefix's completions are enough; by default, when there are K.
        choose: "mixed" labels only problems some of whose responses are right and some wrong: where all are alike,
            labels teach little else than what is known already (ours). How many are passed over is said at the end.
        **policy: As for `PolicyModule`.
    """

    def __init__(
        self,
        folder: str,
        responses: SamplingParams = SamplingParams(n=4),
        completions: SamplingParams = SamplingParams(n=8, seed=1),
        drawing: Drawing = Drawing(),
        choose: Literal["all", "mixed"] = "all",
        **policy: Any,
    ) -> None:
        super().__init__(**policy)
        self.folder = Path(folder)
        self.responses = responses
        self.completions = completions
        self.drawing = drawing
        self.choose = choose
        self._counts: Counter[str] = Counter()

    def on_predict_epoch_start(self) -> None:
        """As for every policy; and begins to count what has no steps."""
        super().on_predict_epoch_start()
        self._counts.clear()

    def on_predict_epoch_end(self) -> None:
        """Says once, for all batches and ranks, what was not labelled."""
        counts: Counter[str] = sum(gather(self._counts), Counter())
        if counts["blank"]:
            rank_zero_warn(f"{counts['blank']} of {counts['chains']} distinct responses are blank: no steps to label.")
        if counts["alike"]:
            rank_zero_warn(
                f"{counts['alike']} of {counts['problems']} training problems have only right or only wrong responses "
                "and are not labelled (choose: mixed)."
            )

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
        drawn = (self.responses, self.completions, self.drawing, self.choose)
        settings = (*drawn, self.encoder.said, self.marker.settings(), self.fingerprint())
        fingerprint = digest((*content, *settings)).encode()
        if file.exists():
            if read_fingerprint(file) != fingerprint:
                raise ValueError(
                    f"{file} was labelled with another policy, other data or other settings; remove {self.folder} to "
                    "label anew, or set model.init_args.folder to another one."
                )
            return
        examples, cost = self._annotate(batch, data.source.judge_steps, split)
        write_steps(file, split, examples, fingerprint, vars(cost))

    def _annotate(self, problems: Sequence[Problem], judge: Judge, split: str) -> tuple[list[StepExample], Cost]:
        drawn = dict(self.sampler.sample(problems, self.responses))  # in any order, so it is put in the problems'
        rollouts = [self.marker.mark(drawn[place]) for place in sorted(drawn)]
        # What is held out shows how a PRM does on all there is.
        chosen = [x for x in rollouts if split != "train" or self.choose == "all" or _mixed(x)]
        chains = [(r.problem, text) for r in chosen for text in dict.fromkeys(x.text for x in r.responses)]
        steps = [self.marker.reasoning.steps(text) for _, text in chains]
        labeller = Labeller(self.sampler, self.completions, self.marker, self.drawing)
        labels = labeller.label(chains, chosen if self._reuses else ())
        self._counts += Counter(
            problems=len(rollouts) * (split == "train"),
            alike=len(rollouts) - len(chosen),
            chains=len(steps),
            blank=steps.count([]),
        )
        examples = [
            StepExample(problem, parts, found.labels, truth=judge(problem, parts), draws=found.draws)
            for (problem, _), parts, found in zip(chains, steps, labels, strict=True)
            if parts
        ]
        return examples, labeller.cost

    @property
    def _reuses(self) -> bool:
        """Whether responses are draws like completions: drawn alike, and not labelled for what became of them."""
        alike = all(
            getattr(self.responses, name) == getattr(self.completions, name)
            for name in ("temperature", "top_p", "stop")
        )
        return self.drawing.reuse and alike and self.choose == "all"


def _mixed(rollout: Rollout) -> bool:
    return len({response.correct for response in rollout.responses}) > 1
