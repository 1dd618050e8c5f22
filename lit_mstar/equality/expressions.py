"""What is an expression: only that may be handed to symbolic mathematics.

A formula of chemistry, a code or two names with a hyphen are none, though a parser would take them for products.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lit_mstar.equality.plain import LONGEST
from lit_mstar.equality.quantities import quantities
from lit_mstar.equality.shapes import shape
from lit_mstar.equality.units import Unit, parse_unit

_FUNCTIONS = "arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|exp|sqrt|lim|max|min|gcd|lcm|det"
_TOKEN = re.compile(
    rf"(?P<command>\\(?:begin|end)\{{[bp]?matrix\}}|\\\\|\\[a-zA-Z]+|(?:{_FUNCTIONS})(?![a-zA-Z]))|(?P<number>\d[\d.,]*)|(?P<word>[^\W\d_]+)"
    r"|(?P<operator>[-+*/^=<>≤≥≠±·×√|!∈∪])|(?P<other>[\s(){}\[\],_&π∞θαβγλμφω∠°.:'])"
)
_APPLIED = re.compile(rf"(?:{_FUNCTIONS})(?![a-zA-Z])")
_LINKS = {"or", "and", "not", "if", "to", "of", "is", "in", "by", "no", "at", "as", "but", "for", "the", "per"}
_NOTATION = re.compile(
    rf"\\(?:frac|binom|infty|begin|pi|theta)|[√π^±]|\|[^|]+\||\d!|(?:\\|\b)(?:{_FUNCTIONS})(?![a-zA-Z])"
)


@lru_cache(2**12)
def is_expression(text: str) -> bool:
    """Whether a text is mathematics and nothing else.

    Args:
        text: As `plain` gives it.
    """
    if quantities(text):
        return True
    if len(text) > LONGEST or shape(text):
        return False
    operators = digits = letters = 0
    position, before = 0, ""
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return False
        kind = str(match.lastgroup)
        if kind == "word" and not _variable(match[0]):
            return False
        if kind == "number" and before == "word":  # "C2", "A1": a formula or a code
            return False
        operators += kind == "operator"
        digits += kind == "number"
        letters += kind == "word"
        position, before = match.end(), kind
    if _NOTATION.search(text):
        return True
    return operators > 0 and (digits + letters) > 1 or (digits == 1 and letters == 1 and text[0].isdigit())


def _variable(word: str) -> bool:
    """A variable or a product of some; two capitals are a line or a code."""
    if word in _LINKS:
        return False
    return len(word) == 1 or (len(word) <= 3 and word.islower()) or (word[0].islower() and len(word) == 2)


def without_unit(text: str) -> tuple[str, Unit | None]:
    """An expression and the known unit behind it: "5√2 cm" is 5√2 and a length.

    Args:
        text: As `plain` gives it.
    """
    head, _, tail = text.rpartition(" ")
    unit = parse_unit(tail, attached=True) if head and tail != "%" else None
    if unit and head[-1:] not in "+-*/=^·×":
        return head, unit
    angle = text.endswith("°") and not _APPLIED.search(text)  # in sin 30° it is part of the argument
    return (text[:-1], parse_unit("°")) if angle else (text, None)
