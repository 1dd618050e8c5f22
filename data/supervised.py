"""Learning from given reasoning: the warmup on seed chains, or plain SFT."""

from __future__ import annotations

from typing import Any

from lit_mstar.data.base import ProblemDataModule
from lit_mstar.data.checks import require_reasoning
from lit_mstar.data.sources.source import ProblemSource, Split
from lit_mstar.reasoning.marking import Marker


class SupervisedDataModule(ProblemDataModule):
    """Trains on problems that bring their reasoning.

    Args:
        source: Where the problems come from.
        split: Which of its splits to train on.
        answers_only: Learn the bare answer instead of the reasoning (answer-label SFT, the paper's baseline).
        **loading: As for `ProblemDataModule`.
    """

    def __init__(
        self, source: ProblemSource, split: Split = "seed", answers_only: bool = False, **loading: Any
    ) -> None:
        super().__init__(source, **loading)
        self.split = split
        self.answers_only = answers_only

    def setup(self, stage: str) -> None:
        """Also checks that every training problem has what is to be learned, and that it is right.

        Raises:
            ValueError: If one has not.
        """
        super().setup(stage)
        if stage == "fit":
            field = "answer" if self.answers_only else "reasoning"
            for problem in self.require(self.split):
                if getattr(problem, field) is None:
                    raise ValueError(f"Problem {problem.id} of split {self.split!r} has no {field}; add it.")
                if not self.answers_only:
                    require_reasoning(problem, self._marker.grader)

    def train_dataloader(self) -> Any:
        """Batches of (problem, reasoning)."""
        encoder = self.trainer.lightning_module.encoder
        stated = self._marker.reasoning.stated
        texts = [stated(str(p.answer)) if self.answers_only else str(p.reasoning) for p in self.problems(self.split)]
        responses = [encoder.response_ids(text) for text in texts]
        return self.example_loader(list(zip(self.problems(self.split), responses, strict=True)))

    @property
    def _marker(self) -> Marker:
        """How the policy's responses are written and graded; ours where the module says nothing of it."""
        return getattr(self.trainer.lightning_module, "marker", None) or Marker()
