"""What the zoo knows of an architecture, and how it lies on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig


@dataclass(frozen=True)
class Tiny:
    """An architecture with random weights.

    Args:
        name: As people call it.
        build: Makes (model, processor).
        end: The token that ends a turn, as published.
        ends: All tokens at which a published checkpoint stops, `end` among them.
        torchvision: Its processor needs torchvision.
        needs_image: It takes no prompt without an image.
        mixes: Rows with unequally many images can share a batch.
        images: Most images in a prompt.
        template: The chat template to give, where none is published.
        known: Checks that fail for a reason outside the library: name of the check, the reason.
    """

    name: str
    build: Callable[[], tuple[Any, Any]]
    end: str
    ends: tuple[str, ...]
    torchvision: bool = True
    needs_image: bool = False
    mixes: bool = True
    images: int = 2
    template: str | None = None
    known: dict[str, str] = field(default_factory=dict)

    def save(self, folder: Path) -> Path:
        """Writes a Hugging Face folder, as a published checkpoint is laid out; the same weights every time."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model, processor = self.build()
            for parameter in model.parameters():  # zeros and ones, as constructors leave some, would hide mistakes
                if parameter.is_floating_point() and parameter.std(unbiased=False) == 0:
                    parameter.data.add_(0.1 * torch.randn_like(parameter))
        ids = processor.tokenizer.convert_tokens_to_ids(list(self.ends))
        model.generation_config = GenerationConfig(
            eos_token_id=ids,
            bos_token_id=processor.tokenizer.bos_token_id,
            pad_token_id=processor.tokenizer.pad_token_id,
        )
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        return folder
