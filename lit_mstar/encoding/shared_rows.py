"""Responses to one problem in one row: its prompt and images are encoded once, and no response sees another.

A row is a prompt, then its responses one after the other. Each attends to the prompt and itself alone, at the positions
that it would have right behind the prompt, so its tokens are as likely as in a row of their own.

Notation: B rows, L tokens; `segments` (B, L) int64 say which response of its row a token belongs to, from 1 on; 0 is
the prompt, and padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from lit_mstar.encoding.appending import Batch
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.rollouts.nouns import Problem


def collate_shared(
    encoder: Encoder, problems: Sequence[Problem], responses: Sequence[Sequence[Sequence[int]]]
) -> Batch:
    """Prompts, each followed by all of its responses, padded on the right.

    Returns:
        `Encoder.collate`'s tensors, and `segments`.
    """
    batch = encoder.collate(problems, [[token for one in several for token in one] for several in responses])
    starts = (batch["labels"] >= 0).int().argmax(1).tolist()
    rows = [
        torch.tensor([0] * start + [j for j, one in enumerate(several, 1) for _ in one])
        for start, several in zip(starts, responses, strict=True)
    ]
    return batch | {"segments": pad_sequence(rows, batch_first=True)}


def preceding(segments: Tensor) -> Tensor:
    """Where the token is (B, L) that each response token is predicted from: the prompt's last, or its neighbour."""
    places, first, prompt = _places(segments)
    return torch.where(places == first, prompt - 1, places - 1)


@contextmanager
def apart(model: Any, segments: Tensor | None) -> Iterator[None]:
    """While it is open, the model's text layers see rows of several responses as `segments` say; None changes nothing.

    Raises:
        ValueError: In the forward pass, if layers attend otherwise than to all that is before a token.
    """
    if segments is None:
        yield
        return

    def see(decoder: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        _require_full_attention(decoder.config, kwargs.get("attention_mask"))
        positions = kwargs.get("position_ids")
        places, first, prompt = _places(segments)
        behind = torch.where(segments > 0, first - prompt, 0)  # tokens of responses that stand before
        positions = (places if positions is None else positions) - behind  # (…, B, L): all three of M-RoPE alike
        return args, kwargs | {"position_ids": positions, "attention_mask": _mask(segments, model.dtype)}

    hook = model.get_decoder().register_forward_pre_hook(see, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def work_saved(prompt: int, responses: Sequence[int], width: int) -> int:
    """Multiplications in a layer that one row saves over several; below 0 where they hide long responses in vain.

    A layer spends about 12·D² on a token, and 2·D on each pair of tokens, masked or not (Kaplan et al. 2020,
    arXiv 2001.08361, section 2.1).

    Args:
        prompt: Tokens of the prompt, images' among them.
        responses: Tokens of each response.
        width: D, the text model's.
    """
    tokens = (len(responses) - 1) * prompt
    pairs = sum((prompt + response) ** 2 for response in responses) - (prompt + sum(responses)) ** 2
    return 12 * width**2 * tokens + 2 * width * pairs


def _places(segments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of each token its place and that of its segment's first (B, L), and the prompts' lengths (B, 1)."""
    places = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    begins = segments != segments.roll(1, dims=1)
    begins[:, 0] = True
    return places, torch.where(begins, places, 0).cummax(1).values, (segments > 0).int().argmax(1, keepdim=True)


def _mask(segments: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to attention (B, 1, L, L): nothing where a token sees another, the least number elsewhere."""
    own = segments[:, :, None] == segments[:, None]
    seen = (own | (segments[:, None] == 0)).tril()
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, torch.finfo(dtype).min)[:, None]


def _require_full_attention(config: Any, mask: Any) -> None:
    kinds = getattr(config, "layer_types", None)
    window = kinds is None and getattr(config, "sliding_window", None)
    others = {*(kinds or ())} - {"full_attention"} | ({"sliding_window"} if window else set())
    if others or isinstance(mask, dict):
        raise ValueError(f"its layers do not all see the whole text: {', '.join(sorted(others)) or 'several masks'}")
