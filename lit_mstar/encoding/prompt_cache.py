"""Encoding prompt and image once for all the responses that follow them.

Prompts go together only where they have the same number of tokens: then no padding stands before a response,
positions are right for every architecture, and a result does not depend on its batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache, GenerationMixin

from lit_mstar.encoding.appending import Batch, grows
from lit_mstar.encoding.architectures import POSITIONS
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.rollouts.nouns import Problem

# transformers has renamed the argument; the old name warns where the new one is known.
CACHE = "cache" if "cache" in signature(GenerationMixin.prepare_inputs_for_generation).parameters else "past_key_values"


def equal_prompts(encoder: Encoder, prompts: Sequence[tuple[Problem, str]], size: int) -> Iterator[list[int]]:
    """Positions of prompts (problem, beginning of the response) with equally many tokens, at most `size` together."""
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for i, (problem, prefix) in enumerate(prompts):
        groups[encoder.prompt_shape(problem), len(encoder.text_ids(prefix))].append(i)
    for group in groups.values():
        yield from (group[start : start + size] for start in range(0, len(group), size))


def padded_prompts(encoder: Encoder, prompts: Sequence[tuple[Problem, str]], size: int) -> Iterator[list[int]]:
    """Positions of prompts with images of equal sizes, those of like lengths together, at most `size`."""
    groups: dict[Any, list[tuple[int, int]]] = defaultdict(list)
    for i, (problem, prefix) in enumerate(prompts):
        images, length = encoder.prompt_shape(problem)
        groups[images].append((length + len(encoder.text_ids(prefix)), i))
    for group in groups.values():
        order = [i for _, i in sorted(group)]
        yield from (order[start : start + size] for start in range(0, len(order), size))


@dataclass
class EncodedPrompts:
    """What a model keeps of P prompts of L tokens: keys, values and recurrent states, and positions beside them.

    Args:
        model: The model, whose modules keep positions themselves (`architectures.POSITIONS`).
        batch: The tensors of the prompts that grow with the response (B, L, …).
        cache: Keys, values, recurrent states; a row a prompt.
        kept: Positions by (module, attribute); a row a prompt.
    """

    model: nn.Module
    batch: Batch
    cache: DynamicCache
    kept: dict[tuple[nn.Module, str], Tensor]

    def rows(self, indices: Tensor) -> dict[str, Any]:
        """Goes on with these prompts (R,), one may come several times; returns what `generate` takes to do so."""
        # Every kind of layer can do it, also those without keys and values.
        self.cache.reorder_cache(cast(torch.LongTensor, indices))
        for (module, name), value in self.kept.items():
            setattr(module, name, value[indices])
        self.batch = {name: value[indices] for name, value in self.batch.items()}
        return {name: value for name, value in self.batch.items() if value.dim() > 2} | {CACHE: self.cache}

    def copy(self) -> EncodedPrompts:
        """The same once more: `rows` changes what it is asked of."""
        return replace(self, cache=deepcopy(self.cache))

    def continued(self, ids: Tensor) -> dict[str, Any]:
        """What `forward` takes for ids (R, T) that follow the rows; padding at their ends may be seen by nobody."""
        rows, length = ids.shape
        start = self.batch["input_ids"].shape[1]
        wide = {
            name: value[:, -1:].expand(-1, length, *value.shape[2:])
            for name, value in self.batch.items()
            if value.dim() > 2
        }
        mask = self.batch["attention_mask"]
        return {
            "input_ids": ids,
            "attention_mask": torch.cat([mask, mask.new_ones(rows, length)], dim=1),
            **wide,
            **self._positions(start, length),
            CACHE: self.cache,
        }

    def shift(self, like: Tensor) -> Tensor | None:
        """How far positions run ahead of the number of tokens, (R,), where the model keeps positions."""
        if not keeps_positions(self.model):
            return None
        kept = next((getattr(*key) for key in self.kept), None)  # of a prompt without images, some keep none
        return torch.zeros_like(like) if kept is None else kept[:, 0]

    def _positions(self, start: int, length: int) -> dict[str, Tensor]:
        """Where a model keeps positions, the three of M-RoPE (3, R, T), which go on alike in a text."""
        if not self.kept:
            return {}
        deltas: Tensor = getattr(*next(iter(self.kept)))  # (R, 1)
        places = torch.arange(start, start + length, device=deltas.device) + deltas
        return {"position_ids": places.expand(3, *places.shape)}


def encode_prompts(model: nn.Module, batch: Batch, **kwargs: Any) -> EncodedPrompts:
    """Runs the model over encoded prompts (P, L), all of one length, and keeps what it made of them."""
    forget(model)
    cache = DynamicCache(config=model.config.get_text_config())  # type: ignore[operator, union-attr]
    model(**fit(batch, model), **{CACHE: cache}, **kwargs)
    kept = {key: value for key in _keepers(model) if isinstance(value := getattr(*key), Tensor)}
    tokens = {name: value for name, value in batch.items() if grows(value, batch["input_ids"])}
    return EncodedPrompts(model, tokens, cache, kept)


def fit(batch: Mapping[str, Any], model: nn.Module) -> dict[str, Any]:
    """The batch on the model's device, with pixels in the dtype of its weights."""
    device, dtype = model.device, model.dtype
    return {
        name: _placed(value, device, dtype) if isinstance(value, Tensor) else value for name, value in batch.items()
    }


def _placed(value: Tensor, device: Any, dtype: Any) -> Tensor:
    return value.to(device, dtype) if value.is_floating_point() else value.to(device)


def forget(model: nn.Module) -> None:
    """Drops what a model's modules keep of the prompts that it last saw: it is not about the next ones."""
    for module, name in _keepers(model):
        setattr(module, name, None)


def keeps_positions(model: nn.Module) -> bool:
    """Whether the model's modules keep positions of the prompts that they last saw."""
    return bool(_keepers(model))


def _keepers(model: nn.Module) -> list[tuple[nn.Module, str]]:
    return [(module, name) for module in model.modules() for name in POSITIONS if name in module.__dict__]


@contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every module's mode is as it was, and prompts are forgotten."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        forget(model)
        for module, training in modes.items():
            module.training = training
