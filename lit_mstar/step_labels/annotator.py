"""`lit-mstar annotate`: responses of a policy with Monte-Carlo labels for their steps, as a data set.

Parquet in the stepwise format (`prompt`, `completions`, `labels`) that reward trainers read, with the images beside
it. One file per batch of problems; a rerun skips the problems that are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.utilities import rank_zero_warn

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.rollouts.identity import digest, question_digest, reference_digest
from lit_mstar.rollouts.nouns import Problem, SamplingParams
from lit_mstar.step_labels.drawing import Drawing
from lit_mstar.step_labels.labelling import Labelled, Labelling
from lit_mstar.step_labels.monte_carlo import Cost
from lit_mstar.step_labels.parquet import read_fingerprint, write_steps
from lit_mstar.terminal.phases import phase
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
        source, split = self._data.source, self._data.predict_splits[dataloader_idx]
        if self._done(split, batch_idx, batch):
            return
        batches = self._waiting(split, dataloader_idx) if self.sampler.central else {batch_idx: list(batch)}
        for index, labelled in self._labelled(split, batches):
            cost = sum((one.cost for one in labelled), Cost())
            examples = [
                StepExample(problem, steps, found.labels, truth=source.judge_steps(problem, steps), draws=found.draws)
                for problem, one in zip(batches[index], labelled, strict=True)
                for steps, found in one.chains
                if steps
            ]
            self._count(labelled, split)
            fingerprint = self._fingerprint(batches[index])
            write_steps(self._file(split, index), split, examples, fingerprint, vars(cost))

    def _labelled(self, split: str, batches: dict[int, list[Problem]]) -> Iterator[tuple[int, list[Labelled]]]:
        """Yields each batch when all of its problems are labelled; where engines are elsewhere, many go on at once."""
        places = [(index, place) for index, batch in batches.items() for place in range(len(batch))]
        problems = [problem for batch in batches.values() for problem in batch]
        # What is held out shows how a PRM does on all there is.
        mixed = split == "train" and self.choose == "mixed"
        settings = (self.responses, self.completions, self.drawing, self.marker)
        work = Labelling(*settings, mixed=mixed, reuses=self._reuses)
        found: dict[int, dict[int, Labelled]] = {index: {} for index in batches}
        with phase(self.trainer, "labelling", len(problems)) as advance:
            for position, labelled in self.sampler.map(work, problems):
                advance(1)
                index, place = places[position]
                found[index][place] = labelled
                if len(found[index]) == len(batches[index]):
                    of_batch = found.pop(index)
                    yield index, [of_batch[i] for i in range(len(of_batch))]
        for index, part in found.items():  # of which a problem was set aside
            yield index, [part.get(i, Labelled()) for i in range(len(batches[index]))]

    def _waiting(self, split: str, dataloader_idx: int) -> dict[int, list[Problem]]:
        """All batches of a split that are not labelled yet: engines elsewhere need not wait between batches."""
        loaders: Any = self.trainer.predict_dataloaders
        loader = loaders[dataloader_idx] if isinstance(loaders, list) else loaders
        limit = self.trainer.num_predict_batches[dataloader_idx]
        batches = {index: list(batch) for index, batch in enumerate(loader) if index < limit}
        return {index: batch for index, batch in batches.items() if not self._done(split, index, batch)}

    def _done(self, split: str, index: int, batch: Iterable[Problem]) -> bool:
        """Whether an earlier run labelled a batch.

        Raises:
            ValueError: If it did so with another policy, other data or other settings.
        """
        if not (file := self._file(split, index)).exists():
            return False
        if read_fingerprint(file) != self._fingerprint(batch):
            raise ValueError(
                f"{file} was labelled with another policy, other data or other settings; remove {self.folder} to "
                "label anew, or set model.init_args.folder to another one."
            )
        return True

    def _fingerprint(self, batch: Iterable[Problem]) -> bytes:
        content = [(question_digest(problem), reference_digest(problem)) for problem in batch]
        drawn = (self.responses, self.completions, self.drawing, self.choose)
        return digest((*content, *drawn, self.encoder.said, self.marker.settings(), self.fingerprint())).encode()

    def _file(self, split: str, index: int) -> Path:
        return self.folder / f"{split}-{index * self.trainer.world_size + self.global_rank:05d}.parquet"

    def _count(self, labelled: Sequence[Labelled], split: str) -> None:
        chains = [steps for one in labelled for steps, _ in one.chains]
        self._counts += Counter(
            problems=len(labelled) * (split == "train"),
            alike=sum(one.alike for one in labelled),
            chains=len(chains),
            blank=chains.count([]),
        )

    @property
    def _data(self) -> Any:
        return self.trainer.datamodule  # type: ignore[attr-defined]

    @property
    def _reuses(self) -> bool:
        """Whether responses are draws like completions: drawn alike, and not labelled for what became of them."""
        alike = all(
            getattr(self.responses, name) == getattr(self.completions, name)
            for name in ("temperature", "top_p", "stop")
        )
        return self.drawing.reuse and alike and self.choose == "all"
