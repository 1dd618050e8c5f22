"""Reward models with a classification head, read at the marker behind each step."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from lit_mstar.models.loading import Checkpoint
from lit_mstar.scorers.format import StepFormat
from lit_mstar.scorers.model_scorer import ModelScorer
from lit_mstar.scorers.presets import ClassName, chosen


class TokenClassScorer(ModelScorer):
    """Scores by the classes of marker tokens: a softmax over several, the sigmoid of one.

    The head is one linear layer, or several with ReLU between them, as its weights in the checkpoint say.

    Args:
        path: As for `ModelScorer`.
        preset: A released model's format, head, aggregation and threshold.
        format: A format of your own, in place of a preset; its layout is "markers".
        head: What the head's weights are called: "score" for `score.weight`, or `score.0.weight`, `score.2.weight`.
        positive: The class that says that a step is right; of a single one, 0.
        sees_images: Whether the model is shown the problem's images; False for one of text.
        **options: As for `ModelScorer`.

    Raises:
        ValueError: If there is neither or both of `preset` and `format`, or its layout is another; when it is checked,
            if the checkpoint has no such head.
    """

    def __init__(
        self,
        path: str,
        preset: ClassName | None = None,
        format: StepFormat | None = None,
        head: str | None = None,
        positive: int | None = None,
        sees_images: bool | None = None,
        **options: Any,
    ) -> None:
        given = {"head": head, "positive": positive, "sees_images": sees_images}
        super().__init__(path, chosen(preset, format, type(self).__name__, **given), **options)
        if self.format.layout != "markers":
            raise ValueError(f"TokenClassScorer.format.layout is {self.format.layout!r}; its head is read at markers.")
        self._head: nn.Module = nn.Identity()

    def check(self) -> None:
        """See `StepScorer.check`."""
        self.backbone.check()
        names = self._head_names(self._checkpoint())
        classes = names[-1][1]
        if not 0 <= self.known.positive < classes:
            raise ValueError(
                f"{self.path}: its head has {classes} classes, and positive is {self.known.positive}, counted from 0."
            )
        super().check()

    def place(self, device: torch.device) -> None:
        """See `StepScorer.place`."""
        super().place(device)
        self._head.to(device)

    def rest(self) -> None:
        """See `StepScorer.rest`."""
        super().rest()
        self._head.to("cpu")

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self.backbone.origin.local())

    def _head_names(self, checkpoint: Checkpoint) -> list[tuple[str, int]]:
        """The head's layers in their order, by name, and what each gives; refuses another head."""
        pattern = re.compile(rf"(?:.*\.)?{re.escape(self.known.head)}(?:\.(\d+))?\.weight")
        found = sorted((int(match[1] or 0), name) for name in checkpoint.files if (match := pattern.fullmatch(name)))
        shapes = [checkpoint.shape(name) for _, name in found]
        if not found or any(len(shape) != 2 for shape in shapes):
            others = [name for name in checkpoint.files if not re.search(r"\.(layers|blocks|h|layer)\.\d+\.", name)]
            raise ValueError(
                f"{self.path} has no classification head {self.known.head!r} (outside its layers: "
                f"{', '.join(sorted(others)[:8]) or 'nothing'}); set head, or take the scorer for its kind of model."
            )
        return [(name.removesuffix(".weight"), shape[0]) for (_, name), shape in zip(found, shapes, strict=True)]

    def _load(self) -> Any:
        checkpoint = self._checkpoint()
        model: Any = self.backbone.load_model(head=False)
        layers: list[nn.Module] = []
        for name, _ in self._head_names(checkpoint):
            weight = checkpoint.read(f"{name}.weight")
            bias = checkpoint.read(f"{name}.bias") if f"{name}.bias" in checkpoint.files else None
            layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=model.dtype)
            layer.load_state_dict({"weight": weight} | ({} if bias is None else {"bias": bias}))
            layers += [layer, nn.ReLU()]
        self._head = nn.Sequential(*layers[:-1]).eval().requires_grad_(False)
        return model

    def _read(self, inputs: dict[str, Any], places: Tensor) -> Tensor:
        hidden = self._model(**inputs).last_hidden_state[:, places]
        return self._head(hidden)  # type: ignore[no-any-return]

    def _probabilities(self, logits: Tensor) -> Tensor:
        if logits.shape[-1] == 1:
            return logits[:, 0].sigmoid()
        return logits.softmax(-1)[:, self.known.positive]
