"""What tests of DataModules share."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from PIL import Image


class Seen(Callback):
    """Notes the examples of every training batch, epoch by epoch, as tuples of the ids that aren't padding."""

    def __init__(self) -> None:
        self.epochs: list[list[tuple[int, ...]]] = []
        self.sizes: list[int] = []

    def on_train_epoch_start(self, *_: Any) -> None:
        self.epochs.append([])

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        ids, mask = batch["input_ids"], batch["attention_mask"].bool()
        segments = batch.get("segments", torch.ones_like(ids))  # where responses to a problem share a row
        found = [
            tuple(row[keep & ((of == 0) | (of == number))].tolist())
            for row, keep, of in zip(ids, mask, segments, strict=True)
            for number in range(1, int(of.max()) + 1)
        ]
        self.epochs[-1] += found
        self.sizes.append(len(found))


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def no_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding pixels is an error where it is used."""

    def load(image: Image.Image) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
