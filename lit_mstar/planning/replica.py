"""A model with the real widths, but few layers and zeros for weights: what it keeps tells what the whole one would.

Zeros are not in memory before they are written to, and nothing is read from a checkpoint: only the configuration and
the processor are needed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lit_mstar.models.adapters import add_adapter
from lit_mstar.models.backbone import Backbone


def described(backbone: Backbone, head: bool, layers: int | None = None) -> nn.Module:
    """The model as it is trained, LoRA and freezing applied, on the meta device: without memory.

    Args:
        backbone: What it is.
        head: With the language-model head, as a policy has it.
        layers: Layers of the text model; all by default.
    """
    config = copy.deepcopy(backbone.config)
    if layers is not None:
        shorten(config.get_text_config(), layers)
    model: Any = backbone.without_memory(head, config)
    backbone.ready(model)
    if (adapter := backbone.adapter_config()) is None:
        return model  # type: ignore[no-any-return]
    with torch.random.fork_rng():
        return add_adapter(model, adapter, backbone.freeze_vision, uniform=False)


def zeros(model: nn.Module) -> nn.Module:
    """The same with zeros for weights, on the CPU."""
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None and parameter.is_meta:
                value = torch.zeros(parameter.shape, dtype=parameter.dtype)
                module._parameters[name] = nn.Parameter(value, parameter.requires_grad)
    return model


def period(config: Any) -> int:
    """How many layers of a text model have all of its kinds of layers among them."""
    kinds = getattr(config, "layer_types", None) or []
    return next((i for i in range(1, len(kinds) + 1) if set(kinds[:i]) == set(kinds)), 1)


def shorten(config: Any, layers: int) -> None:
    """Makes a text model's configuration one of fewer layers."""
    whole, config.num_hidden_layers = config.num_hidden_layers, layers
    if getattr(config, "layer_types", None):
        config.layer_types = (list(config.layer_types) * 2)[:layers]
    for name in ("num_kv_shared_layers", "max_window_layers"):
        if getattr(config, name, None):
            setattr(config, name, min(getattr(config, name), layers) if layers >= whole else 0)
    if getattr(config, "cross_attention_layers", None):
        config.cross_attention_layers = [i for i in config.cross_attention_layers if i < layers]


@contextmanager
def computing(precision: str) -> Iterator[None]:
    """A context in which a trainer's precision computes."""
    mixed = precision.endswith("-mixed")
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        yield
