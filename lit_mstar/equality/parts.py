"""Answers of several parts: lists, sets, points and intervals; and equations, whose sides must agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lit_mstar.equality.quantities import quantities

Same = Callable[[str, str], bool]

_BRACKETS = {"(": ")]", "[": "])", "{": "}"}
_NAMED = re.compile(r"^(?:[A-Z]['\d]?|\b[a-zA-Z]\s*(?:∈|=))\s*(?=[(\[{])")  # "A(1, 2)", "x ∈ [0, 5]"
_JOIN = re.compile(r"\s*(?:,\s+(?:and|or)\s+|;\s*(?:and|or)?\s*|,\s*|\s+(?:and|or)\s+|\s+&\s+)", re.IGNORECASE)
# A name in front of "=": a variable, an angle, a few words; no digits that could be a value.
_NAME = re.compile(
    r"(?:[mlA]\s*)?[∠△]?\s*[a-zA-Zα-ωΔΘθ][a-zA-Z']*(?:_\{?\w+\}?)?(?:\s*\(\w{1,3}\))?|[a-zA-Z][a-zA-Z ]{0,40}"
)

_QUOTED = re.compile(r"^'([^']+)'$|^\"([^\"]+)\"$")
_VARIABLE = re.compile(r"[a-zA-Zα-ω](?:\(\w{1,3}\))?")


@dataclass(frozen=True)
class Items:
    """Parts in the order they stand, and what encloses them ("" on both sides for nothing)."""

    opening: str
    closing: str
    items: tuple[str, ...]


@lru_cache(2**12)
def items(text: str) -> Items | None:
    """The parts of a list; None where the text is none.

    Args:
        text: As `plain` gives it.
    """
    if r"\begin" in text:  # a matrix
        return None
    text = _NAMED.sub("", text, count=1)
    opening, closing = text[:1], text[-1:]
    if opening in _BRACKETS and closing in _BRACKETS[opening] and _encloses(text):
        inside = [part for part in _split(text[1:-1]) if part]
        return Items(opening, closing, tuple(inside)) if len(inside) > 1 else None
    if name := re.match(r"([a-zA-Z]\w{0,2})\s*=\s*", text):  # "n = 1, 2, 3", "x = 3 or x = 4"
        text = re.sub(rf"(?<![\w]){re.escape(name[1])}\s*=\s*", "", text)
        if quantities(text):  # "x = 3,75"
            return None
    if both := re.fullmatch(r"±\s*([^±,;\s]+)", text):
        return Items("", "", (both[1], f"-{both[1]}"))
    if re.search(r"[<>≤≥].*\b(?:and|or)\b", text):  # "x < 3 or x > 5" is no list
        return None
    parts = _split(text)
    return Items("", "", tuple(parts)) if len(parts) > 1 and all(parts) else None


def equal_items(first: Items, second: Items, same: Same) -> bool:
    """Whether two lists have the same parts; in any order where they are values without brackets, or sets."""
    if (first.opening, first.closing) != (second.opening, second.closing) and first.opening and second.opening:
        return False
    if len(first.items) != len(second.items):
        return False
    if all(same(a, b) for a, b in zip(first.items, second.items, strict=True)):
        return True
    sets = all(side.opening in ("", "{") for side in (first, second))
    values = all(quantities(item) or "\\" in item or "√" in item for item in (*first.items, *second.items))
    return sets and values and _permuted(first.items, list(second.items), same)


def _permuted(first: Sequence[str], second: list[str], same: Same) -> bool:
    if len(first) > 20:  # compared pair by pair
        return False
    for item in first:
        match = next((index for index, other in enumerate(second) if same(item, other)), None)
        if match is None:
            return False
        del second[match]
    return True


def sides(text: str) -> list[str] | None:
    """What stands between the equality signs, without names in front: "x = 5" is ["5"]; None without a sign.

    Args:
        text: As `plain` gives it.
    """
    if not re.search("[=≈]", text) or re.search(r"[<>≤≥≠!]|==", text):
        return None
    parts = [part.strip() for part in re.split(r"=|≈", text)]
    if not all(parts):
        return None
    while len(parts) > 1 and _NAME.fullmatch(parts[0]):
        parts = parts[1:]
    return parts[:1] if len(parts) == 2 and _VARIABLE.fullmatch(parts[1]) else parts  # "5 = x"


def variable(text: str) -> str:
    """What an equation gives a value to, "x" in "x = 5" and "5 = x"; "y" for "f(x)", and empty for none."""
    names = [part.strip() for part in text.split("=")]
    found = [name for name in (names[0], names[-1]) if len(names) == 2 and _VARIABLE.fullmatch(name)]
    return re.sub(r"^\w\([a-z]\)$", "y", found[0]).lower() if len(found) == 1 else ""


def _encloses(text: str) -> bool:
    """Whether the first bracket closes at the very end: not in "(1, 2) and (3, 4)"."""
    depth = 0
    for index, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0:
            return index == len(text) - 1
    return False


def _split(text: str) -> list[str]:
    """The text at its commas, semicolons, "and" and "or", outside of brackets; "1,234" stays whole."""
    parts: list[str] = []
    start = depth = position = 0
    while position < len(text):
        sign = text[position]
        depth += (sign in "([{") - (sign in ")]}")
        match = _JOIN.match(text, position) if depth == 0 else None
        if match and match.end() > position and not _thousands(text, position):
            parts.append(text[start:position].strip().rstrip("."))
            position = start = match.end()
        else:
            position += 1
    return [_QUOTED.sub(r"\1\2", part) for part in (*parts, text[start:].strip())]


def _thousands(text: str, position: int) -> bool:
    """Whether the comma here groups digits: three follow, and one to three stand before it."""
    return bool(re.match(r",\d{3}(?!\d)", text[position:])) and bool(re.search(r"(?<!\d)\d{1,3}$", text[:position]))
