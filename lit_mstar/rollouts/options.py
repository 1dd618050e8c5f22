"""Options of a multiple-choice question: their letters, and their texts without letters of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase as LETTERS

__all__ = ["LETTERS", "bare_options"]

_OWN = re.compile(r"\s*(?:\(([A-Za-z])\)|([A-Za-z])[.):])\s*(\S.*)", re.DOTALL)


def bare_options(choices: Sequence[str]) -> tuple[str, ...]:
    """The options without letters of their own: "A. cup", "B. jug" are a cup and a jug.

    Only where each begins with its own letter and has a text behind it: options such as "(c)" and "(d)" stay.
    """
    texts = []
    for index, choice in enumerate(choices):
        match = _OWN.fullmatch(choice)
        if match is None or index >= len(LETTERS) or (match[1] or match[2]).upper() != LETTERS[index]:
            return tuple(choices)
        texts.append(match[3])
    return tuple(texts)
