"""Memory on each GPU by kind, in bytes, at the moment of a step at which it is largest.

Weights, gradients and AdamW's two moments are counted weight by weight; activations are `activations.py`'s; the cache
of a sampler is 2 x layers x key-value heads x width of a head for each token. Fully sharded, all but what one unit
gathers is divided by the number of GPUs (ZeRO, arXiv 1910.02054, stage 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import nn

from lit_mstar.models.backbone import Backbone
from lit_mstar.models.sharding import units
from lit_mstar.planning.activations import Activations
from lit_mstar.planning.replica import described

_FOUR_BITS = 0.56  # bytes a weight with its share of a scale, for the linear layers of a base in 4 bits (ours)


@dataclass(frozen=True)
class Weights:
    """How many weights a model has, and their bytes.

    Args:
        total: Weights, an adapter among them.
        trainable: Weights that are trained.
        bytes: Of all weights.
        trained_bytes: Of those that are trained.
        unit: Of the largest unit that is gathered at a time where the model is sharded.
    """

    total: int
    trainable: int
    bytes: int
    trained_bytes: int
    unit: int


@lru_cache(32)
def weights(backbone: Backbone, head: bool) -> Weights:
    """Counts a model's weights without giving them memory; once for each model."""
    model: Any = described(backbone, head)
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    parts = [_bytes(base.get_submodule(name), backbone) for name in units(base)]
    trained = [p for p in model.parameters() if p.requires_grad]
    whole = _bytes(model, backbone)
    return Weights(
        total=sum(p.numel() for p in model.parameters()),
        trainable=sum(p.numel() for p in trained),
        bytes=whole,
        trained_bytes=sum(p.numel() * p.element_size() for p in trained),
        unit=max([*parts, whole - sum(parts)]),
    )


@dataclass(frozen=True)
class Memory:
    """Bytes on a GPU.

    Args:
        weights: Of the model, and of an engine's copy or a PRM beside it.
        gradients: Of what is trained.
        optimizer: Its moments.
        activations: Between forward and backward pass, or while a prompt is encoded.
        cache: Keys and values of what is being decoded or scored, and the logits of a token.
        engine: What an engine beside the trainer takes for itself.
    """

    weights: float = 0
    gradients: float = 0
    optimizer: float = 0
    activations: float = 0
    cache: float = 0
    engine: float = 0

    @property
    def total(self) -> float:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.cache + self.engine


def training(model: Weights, kept: float, moments: int, shards: int, accumulates: bool) -> Memory:
    """While a step is trained.

    Args:
        model: What is trained.
        kept: `Activations.peak`.
        moments: Numbers that the optimizer keeps for each weight.
        shards: Over how many GPUs weights, gradients and optimizer are divided.
        accumulates: Whether gradients of earlier batches are there when activations are most.
    """
    gradients = model.trained_bytes / shards
    # Activations go as gradients come; the optimizer takes one more number for each weight while it steps.
    at_loss = (gradients if accumulates else 0, kept)
    at_step = (gradients, model.trained_bytes / shards if moments == 2 else 0)
    most = max(at_loss, at_step, key=sum)
    gathered = 2 * model.unit if shards > 1 else 0  # one is computed with while the next arrives
    return Memory(
        weights=model.bytes / shards + gathered,
        gradients=most[0],
        optimizer=moments * model.trained_bytes / shards,
        activations=most[1],
    )


def cache_bytes(backbone: Backbone, size: int) -> int:
    """Bytes of keys and values of one token in all layers with attention."""
    text = backbone.config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    kinds = getattr(text, "layer_types", None) or ["full_attention"] * text.num_hidden_layers
    layers = sum("attention" in kind and "linear" not in kind for kind in kinds)
    return int(2 * layers * heads * width * size)


def decoding(backbone: Backbone, rows: int, tokens: int, size: int) -> Memory:
    """What the embedded engine needs beside the model to decode so many rows to so many tokens."""
    text = backbone.config.get_text_config()
    one_layer = cache_bytes(backbone, size) / max(1, text.num_hidden_layers)
    cache = rows * tokens * (cache_bytes(backbone, size) + one_layer / 2)  # keys, or values, are copied as they grow
    # A token is drawn from its distribution in 64 bits: probabilities and their sums beside the logits.
    logits = rows * int(text.vocab_size) * (size + 4 + 3 * 8)
    return Memory(cache=cache + logits)


def scoring(
    backbone: Backbone, prm: Weights, kept: Activations, rows: int, prompt: int, response: int, size: int
) -> Memory:
    """While a PRM scores so many responses at a time to one prompt."""
    cache = rows * (prompt + response) * cache_bytes(backbone, size)
    # Of a layer, what is there at a time without a backward pass: about half of what that would want (ours).
    inside = rows * response * kept.layer_token / 2
    return Memory(weights=prm.bytes, activations=inside, cache=cache)


def element_size(backbone: Backbone, precision: str) -> int:
    """Bytes of a number that is computed with."""
    return 2 if precision.startswith(("bf16", "16")) else backbone.torch_dtype.itemsize


def _bytes(module: nn.Module, backbone: Backbone) -> int:
    if not backbone.quantization:
        return sum(p.numel() * p.element_size() for p in module.parameters())
    layers = (m for m in module.modules() if isinstance(m, nn.Linear))
    linear = {id(p) for layer in layers for p in layer.parameters() if not p.requires_grad}
    small = _FOUR_BITS if backbone.quantization.load_in_4bit else 1.0
    return int(sum(p.numel() * (small if id(p) in linear else p.element_size()) for p in module.parameters()))
