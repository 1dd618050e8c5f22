"""A policy that is only measured: a checkpoint, a model's folder, an adapter, or a server."""

from __future__ import annotations

import hashlib

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.models.backbone import Backbone
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers.base import Sampler
from lit_mstar.samplers.chat_server import ChatServerSampler


class BenchmarkModule(PolicyModule):
    """Answers the benchmarks of a `BenchmarkDataModule`, which keeps the responses and scores them.

    Args:
        backbone: The model; `lit-mstar test --ckpt_path MODEL` fills it in, and a server needs none.
        sampler: The engine; the embedded one by default, and for a URL a `ChatServerSampler`.
        evaluation: How long a greedy response may be, and where it stops.
        reasoning: How steps and answers are written in a response.
    """

    def __init__(
        self,
        backbone: Backbone | None = None,
        sampler: Sampler | None = None,
        evaluation: SamplingParams = SamplingParams(max_tokens=2048),
        reasoning: ReasoningFormat = ReasoningFormat(),
    ) -> None:
        if backbone is None and not isinstance(sampler, ChatServerSampler):
            raise ValueError(
                "There is no model to test: name one by --ckpt_path, a folder, a checkpoint, a name on the hub, or a "
                "server's URL."
            )
        super().__init__(backbone, sampler, evaluation, reasoning)  # type: ignore[arg-type]  # a server needs none

    @property
    def encoder(self) -> Encoder:
        """Turns problems into the model's tensors; None where a server does so."""
        return self.backbone.encoder if self.backbone else None  # type: ignore[return-value]

    def setup(self, stage: str) -> None:
        """Refuses what cannot be asked before anything is loaded."""
        if self.backbone:
            super().setup(stage)

    def configure_model(self) -> None:
        """Loads the model, if it is here."""
        if self.backbone:
            super().configure_model()

    def test_step(self, batch: int, batch_idx: int) -> None:  # type: ignore[override]
        """Answers one benchmark, by its number; `BenchmarkDataModule` knows what is left of it to ask."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        data.answer(data.benchmarks[batch])

    def fingerprint(self) -> str:
        """A digest of who answers: of the weights, or of the server's address and model."""
        if self.backbone:
            return super().fingerprint()
        return hashlib.sha256(getattr(self.sampler, "said", "").encode()).hexdigest()[:16]

    @property
    def said(self) -> str:
        """What is said to the model besides a problem."""
        return self.encoder.said if self.backbone else str(getattr(self.sampler, "said", ""))
