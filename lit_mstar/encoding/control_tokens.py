"""Tokens that steer a model, such as the end of a turn or the place of an image, and texts that merely spell them."""

from __future__ import annotations

import re
from typing import Any

from transformers import ProcessorMixin

_BREAK = "\u200b"  # a zero-width space: hardly seen by readers and models, and enough that no token is found

# Control tokens that stand for what a response cannot contain, by what is written in them.
_MEDIA = re.compile(r"image|img|video|vision|audio|fake_token|patch|row_\d+_col", re.IGNORECASE)


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
        self.texts = dict(zip(ids := sorted(self.ids), tokenizer.convert_ids_to_tokens(ids), strict=True))
        spelled = {*self.texts.values(), *(str(token) for token in own if token)}
        # A single character, such as a "!" that also pads, is a text's own.
        longer = "|".join(re.escape(token) for token in sorted(spelled) if len(token) > 1)
        self._inside = re.compile(f"(?<=(?={longer}).)" if longer else "(?!)", re.DOTALL)
        # Why a response may not contain them: a placeholder without its image breaks a model, and no published model
        # is trained to write what begins a text, fills a row, or has no text. All others it may write.
        media = {i for i, text in self.texts.items() if _MEDIA.search(text)} | {i for i in found if i is not None}
        ends = {tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id} - {None}
        self.unwritten = frozenset((media | ends) & self.ids)

    def broken(self, text: str) -> list[str]:
        """The text in pieces that spell no control token: cut behind the first character of each that it spells."""
        return self._inside.split(text)

    def neutral(self, text: str) -> str:
        """The text with a zero-width space (U+200B) in each control token that it spells; others stay as they are."""
        return _BREAK.join(self.broken(text))
