"""What looks like arithmetic and is none: ranges, scores, sizes, ratios, times and dates.

"10-20" is no difference, "3×4" no product and "6/10/2021" no quotient: they are equal part by part, or not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from lit_mstar.equality.quantities import Quantity, quantities

Kind = Literal["range", "to", "size", "ratio", "time", "date", "day"]


@dataclass(frozen=True)
class Shape:
    """Numbers with a meaning that arithmetic would destroy.

    Args:
        kind: "date" in whatever order its numbers stand, "day" where year, month and day are known.
        parts: What is compared: quantities or plain numbers, in order.
    """

    kind: Kind
    parts: tuple[Quantity, ...] | tuple[Fraction, ...] | tuple[int | None, ...]


_PART = r"[$€£¥₹]?\s*[+-]?\d[\d.,']*(?:\s*[a-zA-Z%°$€£¥₹][\w%°^/]*){0,2}"
_RANGE = re.compile(rf"(?:from\s+|between\s+)?({_PART})\s*(?:-|~|\bto\b|\bthrough\b|\buntil\b)\s*(\S.*)")
_TIMES = re.compile(r"\s*(?:×|\*|\bby\b|(?<=[\d\s])x(?=\s*\d))\s*")
_RATIO = re.compile(r"(\d+(?:\.\d+)?)((?:\s*:\s*\d+(?:\.\d+)?)+)")
_TIME = re.compile(r"([01]?\d|2[0-4])\s*:\s*([0-5]\d)(?:\s*:\s*([0-5]\d))?\s*([ap])?\.?\s*(?:m\b\.?)?", re.IGNORECASE)
_HOUR = re.compile(r"(1[0-2]|0?[1-9])()()\s*([ap])\.?\s*m\.?", re.IGNORECASE)
_DATE = re.compile(r"(\d{1,4})\s*([-/.])\s*(\d{1,2})\s*\2\s*(\d{1,4})")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_MONTH_FIRST = re.compile(rf"{_MONTH}\s*(\d{{1,2}})(?:st|nd|rd|th)?(?:\s*,?\s*(\d{{4}}))?", re.IGNORECASE)
_DAY_FIRST = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?\s*(?:of\s+)?{_MONTH},?(?:\s*(\d{{4}}))?", re.IGNORECASE)
_MONTH_ONLY = re.compile(rf"{_MONTH},?\s*(\d{{4}})", re.IGNORECASE)


@lru_cache(2**12)
def shape(text: str) -> Shape | None:
    """The shape of a text, all of it; None where it has none. `text` as `plain` gives it."""
    if len(text) > 100 or not any(sign.isdigit() for sign in text):
        return None
    return _day(text) or _time_or_ratio(text) or _size(text) or _range(text)


def alike(first: Shape, second: Shape, close: object) -> bool:
    """Whether two shapes are the same; `close(a, b)` compares quantities.

    A ratio is reduced ("6:4" is "3:2"), unless both may be times of day; "3 to 2" is a range or a ratio.
    """
    kinds = {first.kind, second.kind}
    if kinds in ({"ratio"}, {"ratio", "time"}, {"ratio", "to"}):
        return _reduced(first) == _reduced(second)
    kinds = {"range" if kind == "to" else kind for kind in kinds}
    if len(kinds) > 1 or len(first.parts) != len(second.parts):
        return False
    if kinds <= {"range", "size"}:
        return all(close(a, b) for a, b in zip(first.parts, second.parts, strict=True))  # type: ignore[operator]
    return first.parts == second.parts


def _reduced(ratio: Shape) -> tuple[Fraction, ...] | None:
    values = [part.value if isinstance(part, Quantity) else part for part in ratio.parts]
    numbers = [Fraction(value) for value in values if value is not None]
    total = sum(numbers)
    return tuple(number / total for number in numbers) if total else None


def _day(text: str) -> Shape | None:
    if match := _DATE.fullmatch(text):
        numbers = [int(match[group]) for group in (1, 3, 4)]
        if len(match[1]) == 4:
            return Shape("day", tuple(numbers))  # ISO order
        return Shape("date", tuple(numbers))
    for pattern, order in ((_MONTH_FIRST, (3, 1, 2)), (_DAY_FIRST, (3, 2, 1)), (_MONTH_ONLY, (2, 1, None))):
        if match := pattern.fullmatch(text):
            year, month, day = (None if group is None else match[group] for group in order)
            number = _MONTHS.index(str(month)[:3].lower()) + 1
            return Shape("day", (int(year) if year else None, number, int(day) if day else None))
    return None


def _time_or_ratio(text: str) -> Shape | None:
    if match := _TIME.fullmatch(text) or _HOUR.fullmatch(text):
        hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
        if match[4] and hour <= 12:
            hour = hour % 12 + (12 if match[4].lower() == "p" else 0)
        return Shape("time", (Fraction(hour), Fraction(minute), *([Fraction(second)] if match[3] else [])))
    if match := _RATIO.fullmatch(text):
        return Shape("ratio", tuple(Fraction(part.strip()) for part in text.split(":")))
    return None


def _size(text: str) -> Shape | None:
    if re.search(r"[×x*]\s*10\s*\^", text):
        return None
    parts = _TIMES.split(text)
    if len(parts) < 2:
        return None
    found = [_one(part) for part in parts]
    return Shape("size", tuple(found)) if all(found) else None  # type: ignore[arg-type]


def _range(text: str) -> Shape | None:
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    first, last = _one(match[1]), _one(match[2])
    if first is None or last is None or match[2].startswith("-"):
        return None
    if first.unit is None and last.unit is not None:  # "10-20 cm"
        first = Quantity(first.value, first.decimals, last.unit)
    return Shape("to" if re.search(r"\bto\b", text) and not text.startswith("from") else "range", (first, last))


def _one(text: str) -> Quantity | None:
    found = quantities(text.strip())
    return found[0] if found else None
