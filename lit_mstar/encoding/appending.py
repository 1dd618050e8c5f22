"""Tensors that grow with the response, and how.

A processor's output has two kinds of tensors: whole numbers shaped like `input_ids` (B, L), or beginning with these
dimensions, which grow with the response, and the rest (pixels, grids, tile masks, whatever their first dimension
counts), which stay as the processor batched them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

Batch = dict[str, Tensor]


def grows(value: Tensor, ids: Tensor) -> bool:
    """Whether a tensor of an encoded prompt has an entry for each token of `ids` (B, L)."""
    return value.shape[:2] == ids.shape and not value.is_floating_point()


def append_tokens(
    prompts: Mapping[str, Tensor], tails: Sequence[Tensor], pad_id: int, fills: Mapping[str, int] | None = None
) -> Batch:
    """Appends one tail of token ids to each row of an encoded prompt; rows are padded anew, on the right.

    Tensors shaped like `input_ids` are extended: the mask by 1, others (token types) by what `fills` says, or 0, which
    marks text. Those with more dimensions (B, L, …), such as which images a token sees, repeat the last token's entry.
    """
    ids, mask = prompts["input_ids"], prompts["attention_mask"].bool()
    entries = {"attention_mask": 1} | dict(fills or {})
    batch: Batch = {}
    for name, value in prompts.items():
        if not grows(value, ids):
            batch[name] = value
            continue
        rows = []
        for row, keep, tail in zip(value, mask, tails, strict=True):
            prompt = row[keep]
            if name == "input_ids":
                more = tail.to(row)
            elif value.dim() > 2:
                more = prompt[-1:].expand(len(tail), *prompt.shape[1:])
            else:
                more = torch.full_like(tail, entries.get(name, 0)).to(row)
            rows.append(torch.cat([prompt, more]))
        batch[name] = pad_sequence(rows, batch_first=True, padding_value=pad_id if name == "input_ids" else 0)
    return batch


def without_last(prompts: Mapping[str, Tensor]) -> Batch:
    """The prompts without their last token."""
    ids = prompts["input_ids"]
    return {name: value[:, :-1] if grows(value, ids) else value for name, value in prompts.items()}
