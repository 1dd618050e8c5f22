"""Responses in progress: rows that begin at prompts of different lengths, leave when they are done, and are joined.

What a model keeps of each row lies at the right end of the cache; a mask says which of its columns are a row's own.
Columns of others' longer prompts, and of tokens that were fed but not kept, are seen by nobody, and positions count a
row's own tokens only, so a row means the same whatever lies beside it.

Notation: R rows, C columns of the cache, T new tokens a row, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from lit_mstar.encoding.growing import GrowingLayer
from lit_mstar.encoding.prompt_cache import CACHE, EncodedPrompts


class Rows:
    """What a model keeps of R rows.

    Args:
        prompts: P encoded prompts.
        repeats: How many rows each of them begins.

    Raises:
        ValueError: If prompts are not all of one length, and more than keys and values is kept of them.
    """

    def __init__(self, prompts: EncodedPrompts, repeats: int) -> None:
        count, device = len(prompts.batch["input_ids"]), prompts.batch["input_ids"].device
        prompts.rows(torch.arange(count, device=device).repeat_interleave(repeats))
        self.model: Any = prompts.model
        self.cache: DynamicCache = prompts.cache
        self.mask = prompts.batch["attention_mask"].bool()  # (R, C)
        self.places = self.mask.sum(1)  # (R,): how many tokens a row has
        self.shift = prompts.shift(self.places)
        self.wide = {name: value[:, -1:] for name, value in prompts.batch.items() if value.dim() > 2}
        columns = self.mask.shape[1]
        layers = self.cache.layers
        # Only of keys and values, one a token, tokens are taken back, and rows joined.
        self.plain = all(type(layer) is DynamicLayer and layer.get_seq_length() == columns for layer in layers)
        if self.plain:
            self.cache.layers = [GrowingLayer(cast(DynamicLayer, layer)) for layer in layers]
        if not self.mask.all():
            if not self.plain:
                raise ValueError("prompts have one length where more than keys and values is kept of them.")
            self.keep_rows(torch.arange(len(self.mask), device=device))  # padding goes to the left

    def __len__(self) -> int:
        return len(self.mask)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (R, T, V) after each of the next tokens (R, T); `keep_tokens` says how many of them stay."""
        rows, length = ids.shape
        mask = torch.cat([self.mask, self.mask.new_ones(rows, length)], 1)
        wide = {name: value.expand(-1, length, *value.shape[2:]) for name, value in self.wide.items()}
        logits = self.model(
            input_ids=ids, attention_mask=mask.long(), **wide, **self._positions(length), **{CACHE: self.cache}
        ).logits
        self.mask = mask
        return cast(Tensor, logits)[:, -length:]

    def _positions(self, length: int) -> dict[str, Tensor]:
        """Each row's own; where a model keeps positions, the three of M-RoPE, which go on alike in a text."""
        places = self.places[:, None] + torch.arange(length, device=self.places.device)
        if self.shift is None:
            return {"position_ids": places}
        return {"position_ids": (places + self.shift[:, None]).expand(3, *places.shape)}

    def keep_tokens(self, counts: Tensor, length: int) -> None:
        """Of the `length` tokens fed last, each row keeps its first `counts` (R,)."""
        self.mask[:, -length:] = torch.arange(length, device=counts.device) < counts[:, None]
        self.places = self.places + counts

    def keep_rows(self, indices: Tensor) -> None:
        """Goes on with these rows (R',) alone, without the columns that none of them needs."""
        columns = self._needed(indices) if self.plain else None
        self.mask, self.places = self.mask[indices], self.places[indices]
        self.shift = None if self.shift is None else self.shift[indices]
        self.wide = {name: value[indices] for name, value in self.wide.items()}
        if columns is None:
            self.cache.reorder_cache(cast(torch.LongTensor, indices))
            return
        self.mask = self.mask.take_along_dim(columns, 1)
        for layer in self.cache.layers:
            cast(GrowingLayer, layer).pick(indices, columns)

    def _needed(self, indices: Tensor) -> Tensor:
        """Each row's own columns, at the right end and in order, with as many others as make them equally many."""
        mask = self.mask[indices]
        return mask.int().argsort(dim=1, stable=True)[:, -int(mask.sum(1).max()) :]  # (R', C')

    def join(self, others: Sequence[Rows]) -> None:
        """Goes on with the rows of all.

        Raises:
            ValueError: If not all are `plain`.
        """
        together = [self, *others]
        if not all(rows.plain for rows in together):
            raise ValueError("rows are joined only where all that is kept of them are keys and values, one a token.")
        length = max(rows.mask.shape[1] for rows in together)
        for mine, *theirs in zip(*(rows.cache.layers for rows in together), strict=True):
            cast(GrowingLayer, mine).join(cast(list[GrowingLayer], theirs))
        self.mask = torch.cat([nn.functional.pad(rows.mask, (length - rows.mask.shape[1], 0)) for rows in together])
        self.places = torch.cat([rows.places for rows in together])
        if self.shift is not None:
            self.shift = torch.cat([rows.shift for rows in together if rows.shift is not None])
        self.wide = {name: torch.cat([rows.wide[name] for rows in together]) for name in self.wide}
