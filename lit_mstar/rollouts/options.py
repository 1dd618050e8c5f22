"""The options of a multiple-choice question: their letters, and their texts without letters of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# "A:B" is a ratio, "A: B" is not.
_LETTERED = re.compile(r"\s*(?:\(?([a-z])\)|([a-z])(?:\.|:\s))\s*(\S.*)", re.IGNORECASE | re.DOTALL)


def bare_options(choices: Sequence[str]) -> tuple[str, ...]:
    """The options without letters of their own: those of "A. cup", "(B) jug", "c) can", "D: pot".

    Letters go only where all options have theirs, in order, with different texts behind them. An option that is
    nothing but a letter, like "(c)", is its own text.
    """
    found = [_LETTERED.fullmatch(choice) for choice in choices]
    texts = tuple(match[3].rstrip() for match in found if match)
    lettered = len(set(texts)) == len(choices) and own_letters(choices) == LETTERS[: len(choices)]
    return texts if lettered else tuple(choices)


def own_letters(choices: Sequence[str]) -> str:
    """The letters that all options bring themselves, in capitals; empty where one brings none."""
    found = [_LETTERED.fullmatch(choice) for choice in choices]
    return "".join((match[1] or match[2]).upper() for match in found if match) if all(found) else ""
