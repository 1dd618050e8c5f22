"""Where the assistant's turn ends: the token that is learned, and all tokens at which a model may stop."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from lit_mstar.encoding.control_tokens import ControlTokens

_SAID = "lorem ipsum"  # what an assistant says in a chat that is only rendered


def learned_end(
    render: Callable[[list[dict[str, Any]]], str], controls: ControlTokens, stops: Sequence[int], default: int
) -> int:
    """The token that a chat template writes behind what the assistant said.

    Many tokenizers' EOS ends a text, not a turn: Gemma 3 ends turns with `<end_of_turn>`, GLM with the `<|user|>` of
    the next one.

    Args:
        render: Renders a chat.
        controls: The model's control tokens.
        stops: Tokens at which published checkpoints stop; one of these is preferred to others.
        default: Where the template writes no control token there.
    """
    turns = [("user", "Hello."), ("assistant", _SAID), ("user", "Hello again.")]
    try:
        chat = render([{"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns])
    except Exception:  # whatever a template raises that takes one turn only
        return default
    behind = chat.partition(_SAID)[2].partition("Hello again.")[0]
    by_text = {text: i for i, text in controls.texts.items() if len(text) > 1}
    spelled = "|".join(re.escape(text) for text in sorted(by_text, key=len, reverse=True))
    found = [(by_text[match[0]], match.start()) for match in re.finditer(spelled, behind)] if spelled else []
    known = [i for i, _ in found if i in stops]
    at_once = [i for i, start in found[:1] if not behind[:start].strip()]
    return next(iter(known or at_once), default)
