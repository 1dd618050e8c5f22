"""Tokens that steer a model, such as the end of a turn or the place of an image, and texts that merely spell them."""

from __future__ import annotations

import re
from typing import Any

from transformers import ProcessorMixin

_BREAK = "\u200b"  # a zero-width space: hardly seen by readers and models, and enough that no token is found


class ControlTokens:
    """All special tokens of a tokenizer, and what its processor expands, flagged special or not.

    A vocabulary stays as it is once training begins, so this is computed once.

    Args:
        processor: With its tokenizer.
    """

    def __init__(self, processor: ProcessorMixin) -> None:
        tokenizer: Any = processor.tokenizer  # type: ignore[attr-defined]
        own = [getattr(processor, f"{kind}_token", None) for kind in ("image", "video")]
        found = [tokenizer.convert_tokens_to_ids(str(token)) for token in own if token]
        added = (i for i, token in tokenizer.added_tokens_decoder.items() if token.special)
        self.ids = frozenset(i for i in (*tokenizer.all_special_ids, *added, *found) if i is not None)
        spelled = {*tokenizer.convert_ids_to_tokens(sorted(self.ids)), *(str(token) for token in own if token)}
        # A single character, such as a "!" that also pads, is a text's own.
        longer = "|".join(re.escape(token) for token in sorted(spelled) if len(token) > 1)
        self._inside = re.compile(f"(?<=(?={longer}).)" if longer else "(?!)", re.DOTALL)

    def broken(self, text: str) -> list[str]:
        """The text in pieces that spell no control token: cut behind the first character of each that it spells."""
        return self._inside.split(text)

    def neutral(self, text: str) -> str:
        """The text with a zero-width space (U+200B) in each control token that it spells; others stay as they are."""
        return _BREAK.join(self.broken(text))
