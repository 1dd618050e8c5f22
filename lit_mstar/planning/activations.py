"""What a forward pass keeps for the backward pass, in bytes.

A replica of few layers is run over one example at two lengths, and what autograd saves is counted. That grows linearly
with layers and with tokens (attention is computed without its matrix), so four runs tell it for any number of both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lit_mstar.models.architectures import TOWERS
from lit_mstar.models.backbone import Backbone
from lit_mstar.models.prompt_cache import fit
from lit_mstar.modules.policy import response_nll
from lit_mstar.planning.replica import computing, described, dtype_of, period, zeros
from lit_mstar.rollouts.nouns import Problem

_SHORT = 32  # response tokens of the shorter run; the longer one has twice as many


@dataclass(frozen=True)
class Activations:
    """Bytes that are kept between forward and backward pass.

    Args:
        fixed: Whatever the batch: weights that are cast for computing.
        token: For each token of each row, in all layers.
        layer_token: Of these, for each token in one layer, in full.
        image_token: For each image token of each row, in the vision tower.
        logit_token: For each token while the loss is computed: logits in the weights' dtype.
        learned_token: For each response token while the loss is computed: its logits, copied, and in float32.
    """

    fixed: float
    token: float
    layer_token: float
    image_token: float
    logit_token: float
    learned_token: float

    def peak(self, rows: int, tokens: int, image_tokens: int, learned: int, checkpointed: bool) -> float:
        """Bytes at the moment at which most is kept: when the loss is there and its gradient begins.

        Args:
            rows: Examples in the batch.
            tokens: Tokens of each, prompt and response.
            image_tokens: Of these, tokens of images.
            learned: Of these, tokens of the response.
            checkpointed: Whether layers are recomputed one at a time, in which case one is there in full.
        """
        kept = self.fixed + rows * (tokens * self.token + image_tokens * self.image_token)
        loss = rows * (tokens * self.logit_token + learned * self.learned_token)
        layer = rows * tokens * self.layer_token if checkpointed else 0
        return kept + max(loss, layer)


def activations(backbone: Backbone, problem: Problem, precision: str, head: bool, checkpointing: bool) -> Activations:
    """Counts what a training step of a model keeps.

    Args:
        backbone: The model.
        problem: An example with as many images as most have.
        precision: The trainer's.
        head: As in `replica.described`.
        checkpointing: Whether layers are recomputed.
    """
    text = backbone.config.get_text_config()
    step, layers = period(text), text.num_hidden_layers
    (one_short, one_long), (two_short, two_long) = (
        _saved(described(backbone, head, n, checkpointing), backbone, problem, precision, head)
        for n in (step, 2 * step)
    )
    more = layers / step - 1  # periods beyond the first
    slope = [(long.text - short.text) / _SHORT for short, long in ((one_short, one_long), (two_short, two_long))]
    token = slope[0] + more * (slope[1] - slope[0])
    start = [short.text - s * short.tokens for short, s in ((one_short, slope[0]), (two_short, slope[1]))]
    fixed = start[0] + more * (start[1] - start[0])
    full = slope[1] - slope[0]
    if checkpointing:
        whole = activations(backbone, problem, precision, head, checkpointing=False)
        full = whole.layer_token * step
    images = max(one_short.image_tokens, 1)
    size = torch.finfo(dtype_of(backbone)).bits // 8 if precision == "32-true" else 2
    vocabulary = int(text.vocab_size) if head else 0
    return Activations(
        fixed=fixed,
        token=token,
        layer_token=full / step,
        image_token=one_short.vision / images,
        logit_token=vocabulary * size,
        learned_token=vocabulary * (4 if size == 4 else 4 + size),
    )


@dataclass(frozen=True)
class _Count:
    text: int
    vision: int
    tokens: int
    image_tokens: int


def _saved(model: nn.Module, backbone: Backbone, problem: Problem, precision: str, head: bool) -> tuple[_Count, _Count]:
    model = zeros(model)
    encoder: Any = backbone.encoder
    return tuple(_count(model, encoder, problem, n, precision, head) for n in (_SHORT, 2 * _SHORT))  # type: ignore[return-value]


def _count(model: Any, encoder: Any, problem: Problem, new: int, precision: str, head: bool) -> _Count:
    filler = encoder.text_ids("a b c d e f g h " * new)[:new]
    batch = encoder.collate([problem], [filler])
    prompt = batch["input_ids"].shape[1] - new
    image_tokens = max(0, prompt - len(encoder.prompt_ids(problem)) + len(problem.images))
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    seen: dict[int, tuple[int, bool]] = {}
    inside = [False]

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen.setdefault(storage.data_ptr(), (storage.nbytes(), inside[0]))
        return tensor

    hooks = _watch_tower(model, inside)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), computing(precision):
        loss = _loss(model, batch, head)
    del loss
    for hook in hooks:
        hook.remove()
    text = sum(size for size, vision in seen.values() if not vision)
    vision = sum(size for size, vision in seen.values() if vision)
    return _Count(text, vision, batch["input_ids"].shape[1], image_tokens)


def _loss(model: Any, batch: dict[str, Tensor], head: bool) -> Tensor:
    if head:
        return response_nll(model, batch)[0]
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    hidden: Tensor = model(**fit(inputs, model)).last_hidden_state
    return hidden.sum()


def _watch_tower(model: nn.Module, inside: list[bool]) -> list[Any]:
    """Notes whether the vision tower is computing."""
    tower = next((m for name, m in model.named_modules() if name.rpartition(".")[2] in TOWERS), None)
    if tower is None:
        return []

    def mark(value: bool) -> Callable[..., None]:
        return lambda *_: inside.__setitem__(0, value)

    return [tower.register_forward_pre_hook(mark(True)), tower.register_forward_hook(mark(False))]
