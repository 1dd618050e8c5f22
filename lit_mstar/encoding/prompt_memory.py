"""What a processor made of prompts, kept, so that a problem asked again in the same run is not processed again.

Processors batch in ways of their own: tiles are padded, patches of all images stand in one tensor, some make lists. So
prompts are kept one by one, and put together only where that is what the processor makes of the batch: prompts with
equally many tokens and images of equal sizes, after two of them have been processed together and alone, and compared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from lit_mstar.encoding.appending import Batch

Process = Callable[[Sequence[int]], Batch]
"""What the processor makes of some rows of a batch, together."""


class Recent:
    """A dictionary that forgets what was asked for longest ago; what is pickled, for another process, is empty.

    Args:
        limit: The largest sum of its values' sizes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._size = 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        return Recent, (self.limit,)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def get(self, key: Hashable) -> Any:
        """The value, or None."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keeps a value of some size, in place of an earlier one, and forgets others where that is too much."""
        self._size -= self._kept.pop(key, (None, 0))[1]
        self._kept[key] = value, size
        self._size += size
        while self._size > self.limit:
            self._size -= self._kept.popitem(last=False)[1][1]


class PromptMemory:
    """Prompts' tensors, one problem a piece.

    Args:
        limit: Bytes that are kept; what was asked for longest ago is forgotten first.
    """

    def __init__(self, limit: int) -> None:
        self._pieces = Recent(limit)
        self._joins: dict[int, bool] = {}  # by number of images

    def batch(self, keys: Sequence[str], images: int, process: Process) -> Batch:
        """What `process` makes of all rows; only those are processed that are not known.

        Args:
            keys: A key a row, another for each other prompt; prompts are equally long, with images of equal sizes.
            images: How many a row has.
            process: The processor.
        """
        rows = {key: row for row, key in reversed([*enumerate(keys)])}
        if len(keys) > 1 and not self._can_join(images, [*rows.values()], process):
            return process(range(len(keys)))
        found = {key: self._pieces.get(key) for key in rows}
        if new := [key for key, piece in found.items() if piece is None]:
            batch = process([rows[key] for key in new])
            if not _plain(batch):
                return batch  # of one row: of several, it would not have been joined
            for key, piece in zip(new, _split(batch, len(new)), strict=True):
                found[key] = piece
                self._pieces.put(key, piece, sum(value.nbytes for value in piece.values()))
        return _join([found[key] for key in keys])

    def _can_join(self, images: int, rows: Sequence[int], process: Process) -> bool:
        """Whether pieces are as good as the batch; of one prompt alone nothing is found out."""
        if images not in self._joins and len(rows) > 1:
            together, *alone = (process(some) for some in (rows[-2:], rows[-2:-1], rows[-1:]))
            self._joins[images] = (
                all(map(_plain, [together, *alone]))
                and together.keys() == alone[0].keys() == alone[1].keys()
                and all(map(_equal, [*_split(together, 2), together], [*alone, _join(alone)]))
            )
        return self._joins.get(images, False)


def _plain(batch: Batch) -> bool:
    return all(isinstance(value, Tensor) and value.dim() for value in batch.values())


def _split(batch: Batch, parts: int) -> list[Batch]:
    """Equal parts of all tensors, which keep no memory of the others."""
    cut = {name: value.tensor_split(parts) for name, value in batch.items()}
    return [{name: values[i].clone() for name, values in cut.items()} for i in range(parts)]


def _join(pieces: Sequence[Batch]) -> Batch:
    return {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}


def _equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(value, other[name]) and value.dtype == other[name].dtype for name, value in one.items())
