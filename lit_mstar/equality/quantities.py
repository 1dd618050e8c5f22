"""Numbers as people write them, with their units: "1 234,5 km", "$1,200", "3×10^8", "2 1/2", "5 million", "50%"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from lit_mstar.equality.plain import LONGEST
from lit_mstar.equality.units import Unit, parse_unit
from lit_mstar.equality.words import number_in_words


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
_IN_BRACKETS = re.compile(r"^[(\[]\s*([^()\[\],;]+?)\s*[)\]]$")
_TWO_UNITS = re.compile(r"(\d+)\s*([a-zA-Z]+),?\s*(?:and\s+)?(\d+(?:\.\d+)?)\s*([a-zA-Z]+)")
_MINUS = re.compile(r"^(?:minus|negative)\s+(?=[\w$.])", re.IGNORECASE)
_SIGN_ABOVE = re.compile(r"^\\frac\s*\{\s*-(?=\d)")
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
_SCALES = {
    **{"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12},
    **{"mn": 10**6, "bn": 10**9, "lakh": 10**5, "crore": 10**7, "万": 10**4, "亿": 10**8},
}
_SCALE = re.compile(rf"\s*({'|'.join(_SCALES)})(?![a-z])s?", re.IGNORECASE)
_SHORT_SCALES = {"k": 10**3, "K": 10**3, "M": 10**6}  # as charts have them, right behind the number
# "1990s" is a decade, not seconds, and "3 pm" no picometres.
_NO_QUANTITY = re.compile(r"\d0s$|^(?:1[0-2]|0?[1-9])\s*[ap]\.?m\.?$", re.IGNORECASE)


@lru_cache(2**14)
def quantities(text: str) -> tuple[Quantity, ...]:
    """The numbers that a text may be, all of it: "1,234" is one, "3,14" is 3.14; none where it is something else.

    Args:
        text: As `plain` gives it.
    """
    if not text or len(text) > LONGEST or _NO_QUANTITY.search(text):
        return ()
    text = _MINUS.sub("-", _ABOUT.sub("", text).strip("'\""))
    text = _SIGN_ABOVE.sub(r"-\\frac{", text)
    text = _IN_BRACKETS.sub(r"\1", text)
    if (one := _word(text) or _compound(text)) is not None:
        return (one,)
    if text[-1:] == "B" and text[:1] in "$€£¥₹" and text[-2:-1].isdigit():
        return tuple(Quantity(one.value * 10**9, None, one.unit) for one in _digits(text[:-1]))
    if text[-1:] in _SHORT_SCALES and text[-2:-1].isdigit():
        short = Fraction(_SHORT_SCALES[text[-1]])
        return tuple(Quantity(one.value * short, None, one.unit) for one in _digits(text[:-1])) + _digits(text)
    return _digits(text)


def _digits(text: str) -> tuple[Quantity, ...]:
    match = _NUMBER.match(text)
    if match is None:
        return ()
    rest = text[match.end() :]
    scale = None
    factor = Fraction(1)
    while next_scale := _SCALE.match(rest):  # "2 hundred thousand"
        scale, factor = next_scale, factor * _SCALES[next_scale[1].lower()]
        rest = rest[scale.end() :]
    unit = _unit(match, rest)
    if unit is False:
        return ()
    found = _values(match)
    return tuple(Quantity(value * factor, None if scale else decimals, unit) for value, decimals in found)


def _word(text: str) -> Quantity | None:
    found = number_in_words(text.removeprefix("-"))
    if found is None:
        return None
    value, rest = found
    unit = parse_unit(rest) if rest else None
    value = -value if text[0] == "-" else value
    return None if rest and unit is None else Quantity(value, 0 if value.denominator == 1 else None, unit)


def _compound(text: str) -> Quantity | None:
    """Two units of one kind, the greater one first: "1 hour 30 minutes"."""
    match = _TWO_UNITS.fullmatch(text)
    if match is None:
        return None
    (great, small), units = (Fraction(match[group]) for group in (1, 3)), (parse_unit(match[2]), parse_unit(match[4]))
    if None in units or units[0].dimension != units[1].dimension or units[0].factor <= units[1].factor:  # type: ignore[union-attr]
        return None
    return Quantity(great * units[0].factor / units[1].factor + small, None, units[1])  # type: ignore[union-attr]


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
