"""A tokenizer in the place of a processor, for models that see no images."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class TextProcessor:
    """Does what this library asks of a processor; chat templates of texts get each turn as one text.

    Args:
        tokenizer: The model's.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.chat_template = tokenizer.chat_template

    def __call__(self, text: list[str], images: Any = None, **options: Any) -> Any:
        """Tokenizes texts.

        Raises:
            ValueError: If there are images.
        """
        if images:
            raise ValueError(f"{self.tokenizer.name_or_path} sees no images, and a problem has one.")
        return self.tokenizer(text, **options)

    def apply_chat_template(self, turns: list[dict[str, Any]], **options: Any) -> str:
        """Renders turns of texts."""
        texts = [turn | {"content": "".join(part.get("text", "") for part in turn["content"])} for turn in turns]
        options = {"chat_template": self.chat_template} | options
        return str(self.tokenizer.apply_chat_template(texts, tokenize=False, **options))

    def save_pretrained(self, folder: Path) -> None:
        """Writes the tokenizer."""
        self.tokenizer.save_pretrained(folder)
