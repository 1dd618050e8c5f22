r"""From text to the final answer, and whether two answers are equal.

A response ends in a line "Answer: …". Two answers are equal if they are the same text, the same number, the
same choice of a multiple-choice question, or, where either of them is mathematical notation, the same
expression (`symbolic.py`). Case, white space, `$` signs, `**`, `\boxed{}` and a final period don't count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

from lit_mstar.reasoning.steps import ANSWER_PATTERN
from lit_mstar.reasoning.symbolic import symbolically_equal

TOLERANCE = Fraction(1, 10**6)
"""The relative difference up to which two numbers are equal, unless both are integers."""

_LONGEST = 300  # characters; anything longer is compared as text only
_MAX_LAYERS = 8  # of wrappers around an answer; a bound keeps the time linear on "$$$$…"
_WRAPPERS = (
    *((rf"\{command}{{", "}") for command in ("boxed", "fbox", "text", "textbf", "mathrm")),
    *(("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")),
)
_DELIMITERS = re.compile(r"\\?\$|\\[()\[\]]")
_DECIMAL = r"[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?"
_NUMBER = re.compile(rf"({_DECIMAL})(?:\s*/\s*({_DECIMAL}))?\s*(\\?%)?", re.IGNORECASE)
_CHOICE = re.compile(r"\(?([a-z])\)?[.:]?(?P<text>(?<=[.:)])\s+\S.*)?", re.IGNORECASE | re.DOTALL)
_NOTATION = re.compile(r"[\\^_{}()\[\]+*/=<>|√°²³×%,-]|\d[a-z]|[a-z]\d", re.IGNORECASE)
_WORD = re.compile(r"(?<![a-z])(?!sqrt)[a-z]{3}", re.IGNORECASE)


def extract_answer(text: str, pattern: str = ANSWER_PATTERN) -> str | None:
    r"""The final answer that a response states.

    Args:
        text: A response.
        pattern: A regular expression with one group, the answer. The last match counts.

    Returns:
        The answer without its wrappers (`\boxed{}`, `$…$`, `**…**`, a final period); None if there is none.

    Raises:
        ValueError: If the pattern doesn't have exactly one group.
    """
    compiled = re.compile(pattern)
    if compiled.groups != 1:
        raise ValueError(f"{pattern!r} has {compiled.groups} groups; it needs one, around the answer.")
    answer = None
    for match in compiled.finditer(text):
        answer = match[1]
    return _unwrap(answer or "") or None


def answers_match(
    predicted: str | None, reference: str, choices: Sequence[str] | None = None, timeout: float = 3.0
) -> bool:
    """Whether a predicted answer is right.

    Numbers may have thousands separators, an exponent, a fraction bar and a percent sign, which means
    hundredths: 50% equals 0.5 and not 50. Units aren't interpreted: "5 cm" doesn't equal "5".

    Args:
        predicted: The answer of a response; None and blank are never right.
        reference: The known answer.
        choices: The options of a multiple-choice question. Both answers may name one by its letter ("B",
            "(b)", "B.", "B: a dog") or its text; a lone letter is read as a letter first.
        timeout: Seconds that a symbolic comparison may take (see `symbolic.symbolically_equal`).
    """
    prediction, target = _clean(predicted or ""), _clean(reference)
    if not prediction or not target:
        return False
    if choices:
        options = [_clean(choice) for choice in choices]
        given, wanted = _choice_indices(prediction, options), _choice_indices(target, options)
        if given and wanted:
            return not given.isdisjoint(wanted)
        # At most one of them names a choice; the other may still have the same value.
        prediction = options[min(given)] if given else prediction
        target = options[min(wanted)] if wanted else target
    return _plainly_equal(prediction, target) or (
        _needs_symbols(prediction, target) and symbolically_equal(prediction, target, timeout)
    )


def _unwrap(text: str) -> str:
    for _ in range(_MAX_LAYERS):
        outer, text = text, text.strip().removesuffix(".").removeprefix("**").removesuffix("**").strip()
        for opening, closing in _WRAPPERS:
            inner = text[len(opening) : -len(closing)]
            if text == opening + inner + closing and _encloses(inner, closing):
                text = inner
        if text == outer:
            break
    return text


def _encloses(inner: str, closing: str) -> bool:
    r"""Whether one wrapper encloses all of `inner`, unlike in `$a$ and $b$` or `\text{a}+\text{b}`."""
    if closing != "}":
        return closing not in inner
    return min(accumulate((char == "{") - (char == "}") for char in inner), default=0) >= 0


def _clean(text: str) -> str:
    """The text to compare; `$` goes everywhere, for a currency sign can't be told from a delimiter."""
    return " ".join(_DELIMITERS.sub("", _unwrap(text)).replace("−", "-").replace("{,}", ",").split())


def _choice_indices(answer: str, options: Sequence[str]) -> set[int]:
    match = _CHOICE.fullmatch(answer)
    same = {index for index, option in enumerate(options) if _plainly_equal(answer, option)}
    if match is None:
        return same
    letter = {ord(match[1].upper()) - ord("A")} & set(range(len(options)))
    # "A. Lincoln" may be an option's text; a letter alone is meant as a letter.
    return (same or letter) if match["text"] else (letter or same)


def _plainly_equal(first: str, second: str) -> bool:
    if first.casefold() == second.casefold():
        return True
    x, y = _number(first), _number(second)
    if x is None or y is None:
        return False
    exact = x.denominator == y.denominator == 1
    return x == y if exact else abs(x - y) <= TOLERANCE * max(abs(x), abs(y))


def _number(text: str) -> Fraction | None:
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    numerator, denominator = (Fraction(part.replace(",", "")) for part in (match[1], match[2] or "1"))
    if denominator == 0:
        return None
    return numerator / denominator / (100 if match[3] else 1)


def _needs_symbols(first: str, second: str) -> bool:
    """Whether only mathematics can tell: millions of plain words and numbers mustn't get that far."""
    if max(len(first), len(second)) > _LONGEST:
        return False
    formulas = [text for text in (first, second) if _number(text) is None]
    prose = any(_WORD.search(text) and "\\" not in text for text in formulas)
    return not prose and any(_NOTATION.search(text) for text in formulas)
