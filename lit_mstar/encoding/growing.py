"""Keys and values that grow into room kept for them: nothing is copied at every token, as `torch.cat` would.

Notation: R rows, H heads, C columns, D numbers a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer

_ROOM = 16  # columns kept free when a layer is laid out anew, ours


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """What `DynamicLayer` keeps, (R, H, C, D), in tensors with more columns than are filled.

    Args:
        layer: What it begins with.
    """

    def __init__(self, layer: DynamicLayer) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        assert layer.keys is not None and layer.values is not None, "a prompt was encoded"  # noqa: S101, PT018
        self.device, self.is_initialized = layer.keys.device, True
        self.keys, self.values = layer.keys, layer.values
        self._rooms = [layer.keys, layer.values]

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Adds columns (R, H, T, D); returns all of them."""
        start = self.get_seq_length()
        end = start + key_states.shape[2]
        for i, new in enumerate((key_states, value_states)):
            if self._rooms[i].shape[2] < end:
                self._rooms[i] = _laid_out(end, self._rooms[i][:, :, :start])
            self._rooms[i][:, :, start:end] = new
        return self._show(end)

    def pick(self, rows: Tensor, columns: Tensor) -> None:
        """Keeps R' rows, and of each the columns (R', C')."""
        wide = torch.nn.functional.pad(columns, (0, _ROOM))  # whatever stands there
        self._rooms = [_picked(room, rows, wide) for room in self._rooms]
        self._show(columns.shape[1])

    def join(self, others: Sequence[GrowingLayer]) -> None:
        """Adds others' rows; the last columns of all become the last."""
        layers = [self, *others]
        length = max(layer.get_seq_length() for layer in layers)
        parts = [[room[:, :, : layer.get_seq_length()] for room in layer._rooms] for layer in layers]
        self._rooms = [_laid_out(length, *of_all) for of_all in zip(*parts, strict=True)]
        self._show(length)

    def _show(self, length: int) -> tuple[Tensor, Tensor]:
        self.keys, self.values = (room[:, :, :length] for room in self._rooms)
        return self.keys, self.values


def _laid_out(length: int, *parts: Tensor) -> Tensor:
    """Rows of parts (R, H, C, D) below each other, their last columns at `length`, with room behind."""
    heads, size = parts[0].shape[1], parts[0].shape[3]
    whole = parts[0].new_empty(sum(map(len, parts)), heads, length + _ROOM, size)
    for rows, part in zip(torch.split(whole, [len(part) for part in parts]), parts, strict=True):
        free = length - part.shape[2] if len(parts) > 1 else 0
        rows[:, :, :free] = 0  # seen by nobody, but what is not a number would spread
        rows[:, :, free : free + part.shape[2]] = part
    return whole


def _picked(room: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    _, heads, width, size = room.shape
    lines = (rows[:, None] * heads + torch.arange(heads, device=rows.device)) * width  # (R', H)
    index = lines[..., None] + columns[:, None]  # (R', H, C') of all lines of D numbers
    return room.reshape(-1, size).index_select(0, index.flatten()).view(*index.shape, size)
