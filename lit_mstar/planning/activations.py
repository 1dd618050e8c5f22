"""What a forward pass keeps for the backward pass, in bytes.

A replica of few layers is run over one example at two lengths, and what autograd saves is counted. That grows linearly
with layers and with tokens (attention is computed without its matrix), so four runs tell it for any number of both.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from lit_mstar.encoding.encoder import Batch, Encoder
from lit_mstar.encoding.prompt_cache import fit
from lit_mstar.models.backbone import Backbone
from lit_mstar.models.vision import vision_tower
from lit_mstar.modules.likelihood import most_logits, response_nll
from lit_mstar.planning.replica import computing, described, period, zeros
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
        logit: For each logit that is there while the loss is computed.
        logits: For each response token, how many logits it has.
        width: Of the hidden states.
    """

    fixed: float
    token: float
    layer_token: float
    image_token: float
    logit: float
    logits: int
    width: int

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
        loss = min(rows * learned * self.logits, most_logits(rows * tokens * self.width)) * self.logit
        layer = rows * tokens * self.layer_token if checkpointed else 0
        return kept + max(loss, layer)


@lru_cache(32)
def activations(backbone: Backbone, problem: Problem, precision: str, head: bool) -> Activations:
    """Counts what a training step of a model keeps; once for each model.

    Args:
        backbone: The model; whether its layers are recomputed is its own setting.
        problem: An example with as many images as most have.
        precision: The trainer's.
        head: As in `replica.described`.
    """
    text = backbone.config.get_text_config()
    step = period(text)
    one, two = (_line(backbone, head, n, problem, precision) for n in (step, 2 * step))
    more = text.num_hidden_layers / step - 1  # periods beyond the first
    layer = (two.slope - one.slope) / step
    if backbone.gradient_checkpointing:
        inside = copy.copy(backbone)
        inside.gradient_checkpointing = False
        layer = activations(inside, problem, precision, head).layer_token
    return Activations(
        fixed=one.start + more * (two.start - one.start),
        token=one.slope + more * (two.slope - one.slope),
        layer_token=layer,
        image_token=one.vision,
        logit=2 * 4,  # its log-probability and gradient in float32
        logits=int(text.vocab_size) if head else 0,
        width=int(text.hidden_size),
    )


@dataclass(frozen=True)
class _Line:
    """Bytes in the text model as a line over tokens, and bytes for each image token."""

    start: float
    slope: float
    vision: float


def _line(backbone: Backbone, head: bool, layers: int, problem: Problem, precision: str) -> _Line:
    short, long = saved(described(backbone, head, layers), backbone, problem, precision, head)
    slope = (long.text - short.text) / (long.tokens - short.tokens)
    return _Line(short.text - slope * short.tokens, slope, short.vision / max(short.image_tokens, 1))


@dataclass(frozen=True)
class Count:
    """What one example keeps.

    Args:
        text: Bytes outside the vision tower.
        vision: Bytes inside.
        tokens: Of the example.
        image_tokens: Of these, its images'.
    """

    text: int
    vision: int
    tokens: int
    image_tokens: int


def saved(model: nn.Module, backbone: Backbone, problem: Problem, precision: str, head: bool) -> list[Count]:
    """Runs a model of zeros over a problem with a short and with a longer response."""
    model, encoder = zeros(model), backbone.encoder
    images = encoder.image_tokens(problem)
    batches = (encoder.collate([problem], [_filler(encoder, n)]) for n in (_SHORT, 2 * _SHORT))
    return [_count(model, batch, images, precision, head) for batch in batches]


def _filler(encoder: Encoder, tokens: int) -> list[int]:
    return encoder.text_ids("a b c d e f g h " * tokens)[:tokens]


def _count(model: nn.Module, batch: Batch, image_tokens: int, precision: str, head: bool) -> Count:
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    found: dict[int, tuple[int, bool]] = {}
    inside = [False]

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found.setdefault(storage.data_ptr(), (storage.nbytes(), inside[0]))
        return tensor

    hooks = _watch_tower(model, inside)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), computing(precision):
        loss = _loss(model, batch, head)
    del loss
    for hook in hooks:
        hook.remove()
    text = sum(size for size, vision in found.values() if not vision)
    vision = sum(size for size, vision in found.values() if vision)
    return Count(text, vision, batch["input_ids"].shape[1], image_tokens)


def _loss(model: nn.Module, batch: Batch, head: bool) -> Tensor:
    if head:
        return response_nll(model, batch)[0]
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    hidden: Tensor = model(**fit(inputs, model)).last_hidden_state
    return hidden.sum()


def _watch_tower(model: nn.Module, inside: list[bool]) -> list[Any]:
    """Notes whether the vision tower is computing."""
    if (name := vision_tower(model)) is None:
        return []
    tower = model.get_submodule(name)

    def mark(value: bool) -> Callable[..., None]:
        return lambda *_: inside.__setitem__(0, value)

    return [tower.register_forward_pre_hook(mark(True)), tower.register_forward_hook(mark(False))]
