"""Encoding prompt and image once for all the responses that follow them.

Prompts go together only where they have the same number of tokens: then no padding stands before a response,
positions are right for every architecture, and a result does not depend on its batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache, GenerationMixin

from lit_mstar.models.encoding import Batch, Encoder
from lit_mstar.rollouts.images import image_size
from lit_mstar.rollouts.nouns import Problem

# transformers has renamed the argument; the old name warns where the new one is known.
_CACHE = (
    "cache" if "cache" in signature(GenerationMixin.prepare_inputs_for_generation).parameters else "past_key_values"
)


def equal_prompts(encoder: Encoder, prompts: Sequence[tuple[Problem, str]], size: int) -> Iterator[list[int]]:
    """Positions of prompts (problem, beginning of the response) with equally many tokens, at most `size` together.

    How many tokens an image takes depends on its size alone, so equally long texts and equally large images make
    equally long prompts, and no image has to be decoded to find out.
    """
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for i, (problem, prefix) in enumerate(prompts):
        sizes = tuple(image_size(image) for image in encoder.images(problem))
        groups[sizes, len(encoder.prompt_ids(problem)), len(encoder.text_ids(prefix))].append(i)
    for group in groups.values():
        yield from (group[start : start + size] for start in range(0, len(group), size))


def fill_cache(model: nn.Module, batch: Batch, **kwargs: Any) -> DynamicCache:
    """Runs the model over encoded prompts (B, L) and returns their keys and values."""
    cache = DynamicCache(config=model.config.get_text_config())  # type: ignore[operator, union-attr]
    model(**batch, **with_cache(cache), **kwargs)
    return cache


def with_cache(cache: DynamicCache) -> dict[str, DynamicCache]:
    """The argument by which a model or its `generate` goes on from a cache."""
    return {_CACHE: cache}


@contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every module's mode is as it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
