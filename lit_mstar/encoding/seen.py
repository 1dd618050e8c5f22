"""What a model gets to see of an image: the pixels that its processor makes of it, as pictures for people."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.rollouts.nouns import Problem


def seen(encoder: Encoder, problem: Problem) -> list[Image.Image]:
    """The problem's images, or the tiles that they are cut into, as the processor resizes them.

    Colours are put back by the processor's mean and standard deviation. Empty where the processor's tensors are of a
    shape that is not known here: neither tiles (…, 3, H, W) nor Qwen-VL's rows of patches.
    """
    if not problem.images:
        return []
    batch = encoder.prompts([problem])
    pixels: Tensor | None = batch.get("pixel_values")
    if pixels is None:
        return []
    processor: Any = getattr(encoder.processor, "image_processor", None)
    if pixels.ndim >= 4 and pixels.shape[-3] == 3:
        tiles = list(pixels.reshape(-1, *pixels.shape[-3:]))
    elif pixels.ndim == 2 and "image_grid_thw" in batch:
        tiles = _from_patches(pixels, batch["image_grid_thw"], processor)
    else:
        return []
    return [_picture(tile, processor) for tile in tiles if bool(tile.any())]  # what is all 0 fills up


def _from_patches(pixels: Tensor, grids: Tensor, processor: Any) -> list[Tensor]:
    """Images from rows of patches: by frame, block row, block column, and within a block; each (C, T, P, P)."""
    patch, merge = int(processor.patch_size), int(getattr(processor, "merge_size", 1))
    frames = int(getattr(processor, "temporal_patch_size", 1))
    if pixels.shape[1] != 3 * frames * patch * patch:
        return []
    images, start = [], 0
    for t, h, w in grids.tolist():
        rows = pixels[start : start + t * h * w]
        start += t * h * w
        blocks = rows.reshape(t, h // merge, w // merge, merge, merge, 3, frames, patch, patch)
        frame = blocks.permute(0, 6, 5, 1, 3, 7, 2, 4, 8).reshape(t * frames, 3, h * patch, w * patch)
        images.append(frame[0])
    return images


def _picture(tile: Tensor, processor: Any) -> Image.Image:
    mean, std = (
        torch.tensor(getattr(processor, name, None) or default, dtype=torch.float32).reshape(-1, 1, 1)
        for name, default in (("image_mean", [0.0] * 3), ("image_std", [1.0] * 3))
    )
    values = tile.float() * std + mean if getattr(processor, "do_normalize", True) else tile.float()
    if getattr(processor, "do_rescale", True):
        values = values * 255
    array = values.round().clamp(0, 255).permute(1, 2, 0).numpy().astype(np.uint8)
    return Image.fromarray(array)
