"""Reward models that say "+" or "-", Yes or No: the share of the first among both is a step's score."""

from __future__ import annotations

from inspect import signature
from typing import Any

from torch import Tensor

from lit_mstar.encoding.probes import PROBES
from lit_mstar.models.loading import Checkpoint
from lit_mstar.models.wrapped import is_adapted
from lit_mstar.scorers.format import StepFormat
from lit_mstar.scorers.model_scorer import ModelScorer
from lit_mstar.scorers.presets import PairName, chosen
from lit_mstar.scorers.shown import shown


class TokenPairScorer(ModelScorer):
    """Scores by the logits of two tokens: softmax over both, the first one's part.

    Args:
        path: As for `ModelScorer`.
        preset: A released model's format, tokens, aggregation and threshold.
        format: A format of your own, in place of a preset.
        good: The token that says that a step is right; the preset's, or "+".
        bad: The other one; the preset's, or "-".
        **options: As for `ModelScorer`.

    Raises:
        ValueError: If there is neither or both of `preset` and `format`; when it is checked, if the model's tokenizer
            divides a verdict.
    """

    def __init__(
        self,
        path: str,
        preset: PairName | None = None,
        format: StepFormat | None = None,
        good: str | None = None,
        bad: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(path, chosen(preset, format, type(self).__name__, good=good, bad=bad), **options)
        self._pair: list[int] = []  # the ids of both tokens, the bad one first

    def check(self) -> None:
        """See `StepScorer.check`."""
        self.backbone.check()
        self._require_words()
        super().check()
        self._pair = [self._id_of(token) for token in (self.known.bad, self.known.good)]

    def _require_words(self) -> None:
        """Refuses a checkpoint without a language-model head: transformers would make up a random one."""
        model = self.backbone.without_memory(head=True)
        head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
        names = [name for name, weight in model.named_parameters() if head is not None and weight is head.weight]
        tied = any(
            getattr(part, "tie_word_embeddings", False) for part in (model.config, model.config.get_text_config())
        )
        if head is None or not (tied or Checkpoint(self.backbone.origin.local()).names(model).keys() & {*names}):
            raise ValueError(
                f"{self.path} has no language-model head, so it says neither {self.known.good!r} nor "
                f"{self.known.bad!r}; a PRM trained here is named by its folder, one with classes is read by "
                "TokenClassScorer."
            )

    def _id_of(self, token: str) -> int:
        """The token, of turns as it stands in one: with a space before it, where the chat template writes one."""
        if self.format.layout == "turns":
            return shown(self.encoder, self.format, PROBES[0], ["Step 1: 3."], [token]).said[0]
        ids = self.encoder.inner_ids(token)
        if len(ids) != 1:
            raise ValueError(
                f"{type(self).__name__}: {token!r} is {len(ids)} tokens for the tokenizer of {self.path}; a verdict is "
                "one. Is this the model that the preset is for?"
            )
        return ids[0]

    def _load(self) -> Any:
        return self.backbone.load_model()

    def _read(self, inputs: dict[str, Any], places: Tensor) -> Tensor:
        model = self._model.get_base_model() if is_adapted(self._model) else self._model
        if "logits_to_keep" in signature(model.forward).parameters:  # a vocabulary of logits for each token is much
            logits = self._model(**inputs, logits_to_keep=places).logits
        else:
            logits = self._model(**inputs).logits[:, places]
        return logits[..., self._pair]  # type: ignore[no-any-return]

    def _probabilities(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)[:, 1]
