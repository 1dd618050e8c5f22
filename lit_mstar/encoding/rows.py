"""Responses in progress: rows that begin at prompts of different lengths, leave when they are done, and are joined.

What a model keeps of each row lies at the right end of the cache; a mask says which of its columns are a row's own.
Columns of others' longer prompts, and of tokens that were fed but not kept, are seen by nobody, and positions count a
row's own tokens only, so a row means the same whatever lies beside it.

Notation: R rows, C columns of the cache, T new tokens a row, V vocabulary.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from lit_mstar.encoding.prompt_cache import CACHE, EncodedPrompts


class Rows:
    """What a model keeps of R rows.

    Args:
        prompts: P encoded prompts, all of one length.
        repeats: How many rows each of them begins.
    """

    def __init__(self, prompts: EncodedPrompts, repeats: int) -> None:
        count, device = len(prompts.batch["input_ids"]), prompts.batch["input_ids"].device
        prompts.rows(torch.arange(count, device=device).repeat_interleave(repeats))
        self.model: Any = prompts.model
        self.cache: DynamicCache = prompts.cache
        self.mask = prompts.batch["attention_mask"].bool()  # (R, C)
        self.places = self.mask.sum(1)  # (R,): how many tokens a row has
        self.kept = {key: value[..., :1] for key, value in prompts.kept.items()}
        self.wide = {name: value[:, -1:] for name, value in prompts.batch.items() if value.dim() > 2}

    def __len__(self) -> int:
        return len(self.mask)

    @property
    def plain(self) -> bool:
        """Whether all that is kept are keys and values, one a token: only such rows are joined, or take tokens back."""
        columns = self.mask.shape[1]
        return all(type(layer) is DynamicLayer and layer.get_seq_length() == columns for layer in self.cache.layers)

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
        if not self.kept:
            return {"position_ids": places}
        places = places + next(iter(self.kept.values()))  # (R, 1)
        return {"position_ids": places.expand(3, *places.shape)}

    def keep_tokens(self, counts: Tensor, length: int) -> None:
        """Of the `length` tokens fed last, each row keeps its first `counts` (R,)."""
        self.mask[:, -length:] = torch.arange(length, device=counts.device) < counts[:, None]
        self.places = self.places + counts

    def keep_rows(self, indices: Tensor) -> None:
        """Goes on with these rows (R',) alone, without the columns that none of them needs."""
        self.cache.reorder_cache(cast(torch.LongTensor, indices))
        self._each(lambda value: value[indices])
        if self.plain:
            self._compact()

    def join(self, other: Rows) -> None:
        """Goes on with the rows of both.

        Raises:
            ValueError: If not both are `plain`.
        """
        if not (self.plain and other.plain):
            raise ValueError("rows are joined only where all that is kept of them are keys and values, one a token.")
        length = max(self.mask.shape[1], other.mask.shape[1])
        for mine, theirs in zip(self.cache.layers, other.cache.layers, strict=True):
            for name in ("keys", "values"):
                both = [_widened(getattr(layer, name), length) for layer in (mine, theirs)]
                setattr(mine, name, torch.cat(both))
        masks = [nn.functional.pad(rows.mask, (length - rows.mask.shape[1], 0)) for rows in (self, other)]
        self.mask, self.places = torch.cat(masks), torch.cat([self.places, other.places])
        self.kept = {key: torch.cat([value, other.kept[key]]) for key, value in self.kept.items()}
        self.wide = {name: torch.cat([value, other.wide[name]]) for name, value in self.wide.items()}

    def _compact(self) -> None:
        """Moves each row's own columns to the right end, in order, and drops those that are left of all rows'."""
        length = int(self.mask.sum(1).max())
        if length == self.mask.shape[1]:
            return
        order = self.mask.int().argsort(dim=1, stable=True)[:, -length:]  # (R, C')
        for layer in self.cache.layers:
            for name in ("keys", "values"):
                setattr(layer, name, getattr(layer, name).take_along_dim(order[:, None, :, None], 2))
        self.mask = self.mask.take_along_dim(order, 1)

    def _each(self, change: Any) -> None:
        self.mask, self.places = change(self.mask), change(self.places)
        self.kept = {key: change(value) for key, value in self.kept.items()}
        self.wide = {name: change(value) for name, value in self.wide.items()}


def _widened(value: Tensor, length: int) -> Tensor:
    """Keys or values (R, H, C, D) with `length` columns, new ones on the left."""
    return nn.functional.pad(value, (0, 0, length - value.shape[2], 0))
