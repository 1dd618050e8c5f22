"""`generate`, for models that cannot go on from an encoded prompt: each response encodes its own.

Prompts must have the same number of tokens, so no padding stands before a response.

Notation: P prompts, N responses each, L prompt tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.prompt_cache import fit, forget
from lit_mstar.models.wrapped import is_adapted
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers.base import first_stop, response_stream
from lit_mstar.samplers.decoding import Prompt, tensors
from lit_mstar.samplers.drawing import TokenDraw


def generate(
    model: Any, encoder: Encoder, prompts: Sequence[Prompt], sampling: SamplingParams, **options: Any
) -> tuple[Any, int]:
    """What the model's `generate` returns for N rows a prompt, ids (P·N, L + new), and L, where the new ones start."""
    batch = fit(tensors(encoder, [prompt for prompt in prompts for _ in range(sampling.n)]), model)
    start = batch["input_ids"].shape[1]
    config = {
        "do_sample": False,  # greedy over processed scores: `_Draw` leaves one token a row
        "max_new_tokens": sampling.max_tokens,
        "eos_token_id": encoder.end_ids,
        "pad_token_id": encoder.pad_id,
    }
    forget(model)
    with _own_settings_aside(model):
        found = model.generate(
            **batch,
            generation_config=GenerationConfig(**config | options),  # type: ignore[no-untyped-call]
            logits_processor=LogitsProcessorList([_Draw(encoder, prompts, sampling, start)]),
            stopping_criteria=[_StopStrings(encoder, sampling.stop, start)] if sampling.stop else None,
        )
    return found, start


class _StopStrings(StoppingCriteria):
    """Rows whose response, without the prompt before it, contains a stop string are done."""

    def __init__(self, encoder: Encoder, stop: Sequence[str], start: int) -> None:
        self.encoder = encoder
        self.stop = stop
        self.start = start

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        texts = (self.encoder.decode(row) for row in input_ids[:, self.start :].tolist())
        return torch.tensor([first_stop(text, self.stop) > 0 for text in texts], device=input_ids.device)


class _Draw(LogitsProcessor):
    """Leaves one token per row: the one that `TokenDraw` draws."""

    def __init__(self, encoder: Encoder, prompts: Sequence[Prompt], sampling: SamplingParams, start: int) -> None:
        streams = [response_stream(sampling.seed, *prompt, i) for prompt in prompts for i in range(sampling.n)]
        self.uniforms = torch.from_numpy(np.stack([stream.random(sampling.max_tokens) for stream in streams]))
        self.draw = TokenDraw(sampling, encoder.forbidden_ids)
        self.start = start

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        at = input_ids.shape[1] - self.start
        token, _ = self.draw(scores[:, None], self.uniforms[:, at : at + 1])
        return torch.full_like(scores, -torch.inf).scatter(1, token, 0.0)


@contextmanager
def _own_settings_aside(model: Any) -> Iterator[None]:
    """Hides the checkpoint's own generation settings, so that all engines sample from the same distribution."""
    inner = model.get_base_model() if is_adapted(model) else model
    own, inner.generation_config = inner.generation_config, GenerationConfig()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        inner.generation_config = own
