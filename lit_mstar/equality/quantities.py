"""Numbers as people write them, with their units: "1 234,5 km", "$1,200", "3×10^8", "2 1/2", "5 million", "50%"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from lit_mstar.equality.plain import LONGEST
from lit_mstar.equality.units import Unit, parse_unit


@dataclass(frozen=True)
class Quantity:
    """A number, exactly as it was written.

    Args:
        value: In its own unit.
        decimals: Digits behind the decimal point; None where it was written as a fraction or with an exponent.
        unit: None for a bare number.
    """

    value: Fraction
    decimals: int | None = 0
    unit: Unit | None = None


_ABOUT = re.compile(
    r"^(?:approximately|approx\.?|about|around|roughly|circa|ca\.|nearly|almost|≈|~|=)\s*(?:equal\s+to\s+)?",
    re.IGNORECASE,
)
_MINUS = re.compile(r"^(?:minus|negative)\s+(?=\d)", re.IGNORECASE)
# 12,34,567 in India; 1,234,567.8 and 1 234 567.8; 1.234.567,8 in much of Europe.
_GROUPED = (
    r"\d{1,2}(?:,\d{2})+,\d{3}|\d{1,3}(?:(?:,\d{3})+|(?:[ ']\d{3})+)(?:\.\d+)?"
    r"|\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}(?:\.\d{3})+,\d+"
)
_DECIMAL = rf"(?:{_GROUPED}|\d+,\d+|\d+\.?\d*|\.\d+)"
_POWER = r"10\s*\^\s*(?:\{\s*([+-]?\d{1,4})\s*\}|([+-]?\d{1,4}))"
_SIMPLE = rf"{_DECIMAL}(?:[eE][+-]?\d{{1,3}})?"
_FRACTION = rf"(?:\\frac\s*\{{\s*({_SIMPLE})\s*\}}\s*\{{\s*({_SIMPLE})\s*\}}|({_SIMPLE})\s*/\s*({_SIMPLE}))"
_NUMBER = re.compile(
    rf"(?P<money>US\$|USD|EUR|Rs\.?|[$€£¥₹])?\s*(?P<sign>[+-])?\s*(?P<money2>[$€£¥₹])?\s*"
    r"(?:(?P<mixed>\d+)\s*"
    r"(?:\\frac\s*\{(?P<mt>\d+)\}\s*\{(?P<mb>\d+)\}|(?<=\d)\s+(?P<nt>\d+)\s*/\s*(?P<nb>\d+)(?![\d/]))"
    rf"|(?P<frac>{_FRACTION})(?![\d/])"
    rf"|(?P<core>{_SIMPLE})\s*[×x*·]\s*(?P<times>{_POWER})"
    rf"|(?P<power>{_POWER})"
    rf"|(?P<plain>{_SIMPLE}))(?![\d])"
)
_POWERS = {
    **{"hundred": 2, "thousand": 3, "million": 6, "mn": 6, "billion": 9, "bn": 9, "trillion": 12, "万": 4, "亿": 8},
    **{"lakh": 5, "crore": 7},
}
_SCALES = {name: Fraction(10) ** power for name, power in _POWERS.items()} | {"dozen": Fraction(12)}
_SCALE = re.compile(rf"\s*({'|'.join(_SCALES)})(?![a-z])s?", re.IGNORECASE)
_ONES = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: n for n, word in enumerate(_ONES.split())}
_WORDS |= {word: 10 * n for n, word in enumerate(_TENS.split(), start=2)}
_SHARES = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
_SHARE = re.compile(rf"(an?|{'|'.join(_WORDS)})[ -]({'|'.join(_SHARES)}|halve)s?|(half)", re.IGNORECASE)


@lru_cache(2**14)
def quantities(text: str) -> tuple[Quantity, ...]:
    """The numbers that a text may be, all of it: "1,234" is one, "3,14" is 3.14; none where it is something else.

    Args:
        text: As `plain` gives it.
    """
    if not text or len(text) > LONGEST or re.search(r"\d0s$", text):  # "1990s" is a decade, not seconds
        return ()
    text = re.sub(r"^a\s+(?=dozen)", "1 ", _MINUS.sub("-", _ABOUT.sub("", text)), flags=re.IGNORECASE)
    if (word := _share(text) or _word(text)) is not None:
        return (word,)
    match = _NUMBER.match(text)
    if match is None:
        return ()
    rest = text[match.end() :]
    scale = _SCALE.match(rest)
    factor = _SCALES[scale[1].lower()] if scale else Fraction(1)
    rest = rest[scale.end() :] if scale else rest
    unit = _unit(match, rest)
    if unit is False:
        return ()
    found = _values(match)
    return tuple(Quantity(value * factor, None if scale else decimals, unit) for value, decimals in found)


def _share(text: str) -> Quantity | None:
    """A share in words: "two thirds", "half"; but "third" is an ordinal."""
    match = _SHARE.fullmatch(text)
    if match is None:
        return None
    count = _WORDS.get((match[1] or "one").lower(), 1)
    return Quantity(Fraction(count, _SHARES[(match[2] or "half").lower().replace("halve", "half")]), None)


def _word(text: str) -> Quantity | None:
    head, _, rest = text.partition(" ")
    if head.lower() not in _WORDS:
        return None
    unit = parse_unit(rest) if rest else None
    return None if rest and unit is None else Quantity(Fraction(_WORDS[head.lower()]), 0, unit)


def _unit(match: re.Match[str], rest: str) -> Unit | None | Literal[False]:
    """The unit around a number; None for none, False where what follows is no unit."""
    money = match["money"] or match["money2"]
    rest_unit = parse_unit(rest, attached=not rest[:1].isspace()) if rest.strip() else None
    if rest.strip() and rest_unit is None:
        return False
    if money is None:
        return rest_unit
    own = parse_unit(money.removeprefix("US") if money == "US$" else money)
    return own if rest_unit in (None, own) else False


def _values(match: re.Match[str]) -> list[tuple[Fraction, int | None]]:
    sign = -1 if match["sign"] == "-" else 1
    if match["mixed"]:
        top, bottom = match["mt"] or match["nt"], match["mb"] or match["nb"]
        return [] if int(bottom) == 0 else [(sign * (int(match["mixed"]) + Fraction(int(top), int(bottom))), None)]
    if match["frac"]:
        groups = [group for group in re.fullmatch(_FRACTION, match["frac"]).groups() if group]  # type: ignore[union-attr]
        top, bottom = (_decimal(group)[0] for group in groups)
        return [] if bottom == 0 else [(sign * top / bottom, None)]
    if match["power"] or match["times"]:
        exponent = int(re.findall(r"\^\s*\{?\s*([+-]?\d+)", match["power"] or match["times"])[0])
        core = _decimal(match["core"])[0] if match["core"] else Fraction(1)
        return [(sign * core * Fraction(10) ** exponent, None)]
    value, decimals = _decimal(match["plain"])
    return [(sign * value, decimals)]


def _decimal(text: str) -> tuple[Fraction, int | None]:
    """The value, and its digits behind the decimal point (None with an exponent)."""
    mantissa, _, exponent = text.lower().partition("e")
    mantissa = mantissa.replace(" ", "").replace("'", "")
    comma, point = mantissa.count(","), mantissa.count(".")
    if comma == 1 and (point > 0 and mantissa.rindex(",") > mantissa.rindex(".")):
        mantissa = mantissa.replace(".", "").replace(",", ".")  # 1.234,5
    elif comma == 1 and point == 0 and len(mantissa.rpartition(",")[2]) != 3:
        mantissa = mantissa.replace(",", ".")  # 3,14
    elif point > 1:
        mantissa = mantissa.replace(".", "")
    mantissa = mantissa.replace(",", "")
    whole, _, digits = mantissa.partition(".")
    value = Fraction(f"{whole or '0'}.{digits or '0'}")
    return (value * Fraction(10) ** int(exponent), None) if exponent else (value, len(digits))
