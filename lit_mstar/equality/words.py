"""Numbers in words: "forty-two", "one hundred and five", "two and a half", "three quarters", "a dozen"."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

_ONES = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: n for n, word in enumerate(_ONES.split())} | {
    word: 10 * n for n, word in enumerate(_TENS.split(), start=2)
}
_LARGE = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PART = "half third quarter fourth fifth sixth seventh eighth ninth tenth"
_PARTS = dict(zip(_PART.split(), (2, 3, 4, 4, 5, 6, 7, 8, 9, 10), strict=True))
_PARTS |= {f"{word}s": n for word, n in _PARTS.items()} | {"halves": 2}

NUMBER_WORDS = {*_SMALL, *_LARGE, *_PARTS, "hundred", "dozen"}
"""All words of which numbers are made."""

_FIRST = re.compile(rf"(?:{'|'.join((*_SMALL, 'an?', 'half'))})(?![a-z'])", re.IGNORECASE)
_WORD = re.compile(r"(?:[\s-]+)?([a-z]+)(?![\w'])", re.IGNORECASE)


@lru_cache(2**12)
def number_in_words(text: str) -> tuple[Fraction, str] | None:
    """The number with which a text begins, and what follows it; None where it begins with none.

    Args:
        text: As `plain` gives it.
    """
    if not _FIRST.match(text):
        return None
    words, position = [], 0
    while (match := _WORD.match(text, position)) and match[1].lower() in {*NUMBER_WORDS, "a", "an", "and"}:
        words.append(match[1].lower())
        position = match.end()
    if not words or words[-1] in ("and", "a", "an"):  # "a cat", "two and more"
        return None
    value = _value(words)
    return None if value is None else (value, text[position:])


def _value(words: list[str]) -> Fraction | None:
    if words[-1] in _PARTS:
        *ahead, part = words
        whole: Fraction | None = Fraction(0)
        if "and" in ahead:  # "two and a half", "two hundred and three quarters"
            at = len(ahead) - 1 - ahead[::-1].index("and")
            whole, ahead = _whole(ahead[:at]), ahead[at + 1 :]
        count = Fraction(1) if ahead in (["a"], ["an"]) else _whole(ahead) if ahead else Fraction(part == "half")
        return None if whole is None or not count else whole + count / _PARTS[part]
    return _whole(words)


def _whole(words: list[str]) -> Fraction | None:
    """A whole number; None where the words are none, as "two three" or "twenty twelve"."""
    total, group, highest, before = 0, 0, 10**15, "and"
    for word in words:
        if word in ("a", "an") and before == "and" and not group:
            group = 1
        elif word in _SMALL and (group % 100 == 0 or (group % 100 >= 20 and group % 10 == 0 and _SMALL[word] < 10)):
            if before in ("a", "an", "zero"):
                return None
            group += _SMALL[word]
        elif word == "hundred" and 0 < group < 100:
            group *= 100
        elif word == "dozen" and group:
            group *= 12
        elif word in _LARGE and group and _LARGE[word] < highest:
            highest = _LARGE[word]
            total, group = total + group * highest, 0
        elif word != "and" or before not in ("hundred", *_LARGE):
            return None
        before = word
    return None if not words or before in ("and", "a", "an") else Fraction(total + group)
