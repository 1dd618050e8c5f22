"""Units as people write them: "cm^2", "cm2", "square centimeters", "km/h", "dollars"; unknown ones are nouns.

Notation: a dimension is a tuple of (base, power), as (("m", 2),) for an area.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from lit_mstar.equality.words import NUMBER_WORDS

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Unit:
    """A unit, or the noun of what is counted.

    Args:
        dimension: What it measures; (("apple", 1),) for a noun.
        factor: How many of the base unit it is.
        noun: Whether it is none that we know: a word that tells what is counted.
    """

    dimension: Dimension
    factor: Fraction = Fraction(1)
    noun: bool = False


_PREFIXES = {"k": 3, "M": 6, "G": 9, "T": 12, "c": -2, "m": -3, "μ": -6, "µ": -6, "u": -6, "n": -9, "p": -12}
_LONG_PREFIXES = {
    **{"kilo": 3, "mega": 6, "giga": 9, "tera": 12, "centi": -2, "milli": -3, "micro": -6, "nano": -9, "pico": -12},
}
# symbol: (names, dimension, factor); those with a star take prefixes.
_TABLE = """
m*   meter metre              | m 1                | 1
g*   gram gramme              | g 1                | 1
s*   second sec               | s 1                | 1
A*   ampere amp               | A 1                | 1
mol* mole                     | mol 1              | 1
cd*  candela                  | cd 1               | 1
N*   newton                   | g 1 m 1 s -2       | 1000
J*   joule                    | g 1 m 2 s -2       | 1000
Wh*  .                        | g 1 m 2 s -2       | 3600000
W*   watt                     | g 1 m 2 s -3       | 1000
Pa*  pascal                   | g 1 m -1 s -2      | 1000
V*   volt                     | g 1 m 2 s -3 A -1  | 1000
Ω*   ohm                      | g 1 m 2 s -3 A -2  | 1000
F*   farad                    | g -1 m -2 s 4 A 2  | 1/1000
C*   coulomb                  | A 1 s 1            | 1
T*   tesla                    | g 1 s -2 A -1      | 1000
Hz*  hertz                    | s -1               | 1
eV*  electronvolt             | eV 1               | 1
L*   liter litre              | m 3                | 1/1000
l*   .                        | m 3                | 1/1000
cal* calorie                  | cal 1              | 1
B*   byte                     | byte 1             | 1
ton  tonne                | g 1                | 1000000
ha   hectare                  | m 2                | 10000
min  minute                   | s 1                | 60
h    hour hr                  | s 1                | 3600
day  .                        | s 1                | 86400
week wk                       | s 1                | 604800
month mo                      | month 1            | 1
year yr .                     | month 1            | 12
in   inch                     | m 1                | 127/5000
ft   foot feet                | m 1                | 381/1250
yd   yard                     | m 1                | 1143/1250
mi   mile                     | m 1                | 201168/125
lb   pound lbs                | lb 1               | 1
oz   ounce                    | lb 1               | 1/16
gal  gallon                   | gal 1              | 1
mph  .                        | m 1 s -1           | 1397/3125
kmh  kph kmph                 | m 1 s -1           | 5/18
K    kelvin                   | kelvin 1           | 1
°C   celsius                  | celsius 1          | 1
°F   fahrenheit               | fahrenheit 1       | 1
°    degree deg 度            | ° 1                | 1
rad  radian                   | rad 1              | 1
%    percent percentage       | % 1                | 1
$    dollar USD usd           | dollar 1           | 1
¢    cent cents               | dollar 1           | 1/100
€    euro EUR                 | euro 1             | 1
£    sterling GBP             | pound sterling 1   | 1
¥    yen yuan JPY CNY RMB 元 円 | yen 1              | 1
₹    rupee INR Rs             | rupee 1            | 1
米   .                        | m 1                | 1
厘米 公分                     | m 1                | 1/100
千米 公里                     | m 1                | 1000
千克 公斤                     | g 1                | 1000
克   .                        | g 1                | 1
秒   .                        | s 1                | 1
分钟 .                        | s 1                | 60
小时 時間                     | s 1                | 3600
年   .                        | month 1            | 12
"""
_SHORT_AREA = re.compile(r"(?:[kcm]?m|in|ft|yd|mi)[23]")  # "cm2": elsewhere a digit behind a letter is no power
_TOKEN = re.compile(
    r"\s*(?P<name>°[CF]?|[%$¢€£¥₹Ω]|[^\W\d_]+\.?)\s*(?:\^\s*\{?(?P<power>-?[1-9])\}?|(?P<short>[23])(?!\d))?"
)
# "5 years old", "24 cm long": what is measured, not another unit.
_OF_WHAT = re.compile(
    r"(?<=\w)\s+(?:old|long|high|wide|tall|deep|away|apart|each|in (?:total|length|height|width|area|volume|all))$"
)
_CODES = {*"ABCFT"}  # "2A" is a room, not two ampere
# Words that make something else of the number before them: "12 or more" counts nothing that is called so.
_NO_NOUNS = """
or and not to than more less fewer at least most over under about if then is are was were be both either neither nor but
no none unknown cannot can't between from by with without plus minus divided remainder out so because which that since
when where while who whose as we i it you they he she this these those a an the of
"""
_STOP = {
    *_NO_NOUNS.split(),
    *NUMBER_WORDS,
    "squared",
    "cubed",
    "point",
    "factorial",
    "half",
    "max",
    "min",
    "maximum",
    "minimum",
}


def _read_table() -> tuple[dict[str, Unit], dict[str, Unit]]:
    symbols: dict[str, Unit] = {}
    names: dict[str, Unit] = {}
    for line in _TABLE.strip().splitlines():
        heads, dimension, factor = (part.split() for part in line.split("|"))
        if dimension[:1] == ["pound"]:
            dimension = ["pound sterling", "1"]
        bases = tuple(sorted((base, int(power)) for base, power in zip(dimension[::2], dimension[1::2], strict=True)))
        unit = Unit(bases, Fraction(factor[0]))
        symbol = heads[0].rstrip("*")
        symbols[symbol] = unit
        names.update({name: unit for name in heads[1:] if name != "."})
        if heads[0].endswith("*"):
            for prefix, power in _PREFIXES.items():
                symbols.setdefault(prefix + symbol, Unit(bases, unit.factor * Fraction(10) ** power))
            for prefix, power in _LONG_PREFIXES.items():
                names.update({prefix + name: Unit(bases, unit.factor * Fraction(10) ** power) for name in heads[1:]})
    return symbols, names


_SYMBOLS, _NAMES = _read_table()


@lru_cache(2**12)
def parse_unit(text: str, attached: bool = False) -> Unit | None:
    """The unit that a text names; None where it names none.

    Args:
        text: As `plain` gives it.
        attached: Whether it follows a number without a space: then it is no noun, "3x" counts no x.
    """
    text = text.strip().removesuffix(".")
    if not text or (attached and text in _CODES):
        return None
    text = _OF_WHAT.sub("", text.removeprefix("US ").removeprefix("U.S. "))
    return _compound(text) or (None if attached else _noun(text))


def _compound(text: str) -> Unit | None:
    text = re.sub(r"\s+per\s+", "/", re.sub(r"^per cent$", "%", text))
    text = re.sub(r"^deg(?:rees?|\.)?\s+([CF])(?:elsius|ahrenheit)?$", r"°\1", text, flags=re.IGNORECASE)
    total: dict[str, int] = {}
    factor, sign = Fraction(1), 1
    for index, part in enumerate(text.split("/")):
        sign = 1 if index == 0 else -1
        found = _product(part)
        if found is None:
            return None
        for base, power in found.dimension:
            total[base] = total.get(base, 0) + sign * power
        factor *= found.factor**sign
    return Unit(tuple(sorted((base, power) for base, power in total.items() if power)), factor)


def _product(text: str) -> Unit | None:
    words = re.sub(r"[·*]|(?<![{^])-", " ", text).strip()
    power_ahead, position = 1, 0
    total: dict[str, int] = {}
    factor = Fraction(1)
    while position < len(words):
        match = _TOKEN.match(words, position)
        if match is None:
            return None
        name, position = match["name"], match.end()
        if name.lower() in ("square", "sq", "sq.", "cubic", "cu"):
            power_ahead = 3 if name.lower().startswith("cu") else 2
            continue
        base = _known(name)
        if base is None or (match["short"] and not _SHORT_AREA.fullmatch(name + match["short"])):
            return None
        power = int(match["power"] or match["short"] or 1) * power_ahead
        power_ahead = 1
        if re.match(r"\s*(squared|cubed)\b", words[position:]):
            power *= 2 if "squared" in words[position : position + 9] else 3
            position += re.match(r"\s*\w+", words[position:]).end()  # type: ignore[union-attr]
        for name_of, own in base.dimension:
            total[name_of] = total.get(name_of, 0) + own * power
        factor *= base.factor**power
    return Unit(tuple(sorted(total.items())), factor) if total else None


def _known(name: str) -> Unit | None:
    """A unit by its symbol, whose case counts, or by its name, in any number and case."""
    name = name.removesuffix(".")
    if name in _SYMBOLS:
        return _SYMBOLS[name]
    lower = name.lower()
    if name.isupper() and len(name) > 1 and lower in _SYMBOLS:  # "CM"
        return _SYMBOLS[lower]
    for word in (name, lower, lower.removesuffix("s"), lower.removesuffix("es")):
        if word in _NAMES:
            return _NAMES[word]
    plural = name.removesuffix("s")
    return _SYMBOLS.get(plural) if len(plural) > 1 and plural != name else None  # "mins", "kgs"


def _noun(text: str) -> Unit | None:
    """One to three words, none of which changes what the number means."""
    words = text.lower().split()
    plain = all(word.replace("-", "").replace("'", "").isalpha() for word in words)
    if not plain or len(words) > 3 or len(words[-1]) < 3 or _STOP & set(words[:1]) or _STOP & set(words) - {"of"}:
        return None
    word = words[-1] if "of" not in words else words[0]
    return Unit(((singular(word), 1),), noun=True)


def singular(word: str) -> str:
    """A noun in the singular, roughly: equal nouns become equal."""
    for ending, instead in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("sses", "ss"), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss") and len(word) > 3:
            return word.removesuffix(ending) + instead
    return word
