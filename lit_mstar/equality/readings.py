"""What an answer may be meant to say: as it stands, without a lead-in, without what explains it afterwards."""

from __future__ import annotations

import re
from functools import lru_cache

from lit_mstar.equality.plain import plain
from lit_mstar.equality.quantities import quantities
from lit_mstar.equality.units import parse_unit

# "It is 24", "The area equals 24"; never "is not".
_SO = re.compile(r"(?:so|thus|therefore|hence)\b,?\s+(?!not\b)", re.IGNORECASE)
_LEAD = re.compile(
    r"(?:(?:so|thus|therefore|hence|and|then|finally|in total|overall)\b,?\s+)?"
    r"(?:(?:i|we)\s+(?:think|believe|guess|conclude|get|find|have|obtain)\s+(?:that\s+)?)?"
    r"(?:(?:it|this|that|which|[a-zA-Z])(?:\s+is|'s|\s+equals|\s+was|\s+(?:must|should|would|will)(?:\s+be)?)"
    r"|there\s+(?:is|are)|(?:he|she|they|we|you|i|[A-Z][a-z]+)\s+(?:has|have|had|gets?|needs?)"
    r"|(?:the|its|their|her|his)\s+(?:[\w'-]+\s+){1,6}?(?:is|are|equals|was|=)"
    r"|(?:answer|value|result|total|[a-zA-Z]{1,3})\s+(?:is|equals)|is|equals"
    r"|(?:in\s+)?(?:the\s+)?year(?=\s+\d))\s+"
    r"(?:equal\s+to\s+|a\s+total\s+of\s+|exactly\s+|just\s+|only\s+)?(?!not\b|no\b|n't)",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"^(?:the|an?)\s+(?=\S+)", re.IGNORECASE)
_IN = re.compile(r"(?:in|at|on|by)\s+(?=\d)", re.IGNORECASE)
_ENCLOSED = re.compile(r"[(\[]\s*([^()\[\],;]{2,}|\d)\s*[)\]]")
_TWICE = re.compile(r"(.+?)\s*\(([^()]+)\)")  # "five (5)"
_DENIED = r"(?:not|no|except|wrong|false|incorrect)\b"
# "Total: 24"; a letter before a colon is an option, digits are a ratio.
_NAMED = re.compile(rf"(?!(?i:{_DENIED}))[A-Za-z][A-Za-z' ]{{1,30}}:\s+(?=\S)")
# "12, which is the sum", "12. This follows", "12 because …"; not "12 or 13", "12, 13", "12. Wait, 13".
_AGAIN = r"(?i:or|and|but|alternatively|maybe|perhaps|possibly|no|wait|actually|hmm|sorry|not|also|then)\b"
_WHAT = r"(?:sum|total|difference|product|quotient|number|value|result|length|area|perimeter|volume|average|mean)"
_TAIL = re.compile(
    r"\s*(?:[,;:]\s*(?=(?:because|since|as|where|that is|i\.e|given|based|according|obtained|found|rounded|when|see|"
    rf"which\s+(?:is|are|was|were|means|represents|corresponds|comes)|the\s+{_WHAT})\b)"
    rf"|\.\s+(?!{_AGAIN})(?=[A-Z](?:[a-z']|\s))"
    r"|\s+(?=(?:because|since|as shown|as seen|which is|which are|so that|based on|according to|in total|altogether)\b)"
    r"|\s+(?=(?:is|are)\s+(?:left|remaining|needed|visible|shown|there)\b)"
    r"|\s+(?=in the (?:image|picture|figure|chart|graph|diagram|table)\b)"
    r"|\s+-{1,3}\s+(?=[a-z]{2,}\s)).*",
    re.DOTALL,
)
_NOT = re.compile(r",\s*(?:and\s+)?not\s+\S{1,12}$")
_REMARK = re.compile(rf"\s+\((?!{_AGAIN})(?=[^()]*[a-zA-Z]{{3}})[^()]*\)$")
_YES_NO = re.compile(  # "No. 5" is a number
    r"(yes|no|true|false)(?:\s*(?:[,;:!-]|\.(?!\s*\d))\s*(?!or\b).*"
    r"|\s+(?:it|they|there|he|she|we|you|i|that|this)\b.*)",
    re.IGNORECASE | re.DOTALL,
)
_TWO = ("no", "ok")  # words that people write in capitals
_CHARGE = re.compile(r"\^\{?(\d?[+-]\d?)\}?$")  # Na^+ is Na+
_LOWERED = re.compile(r"_(?:(\w)|\{(\w+)\})")
_GENES = re.compile(r"\b(?:([a-z])\1)+\b", re.IGNORECASE)  # pairs of letters: "AaBb"
_SPACED = re.compile(r"\s*([^\w\s])\s*")
# Japanese and Chinese sentences around a value: "24 です", "是 24".
_AROUND = re.compile(r"^(?:是|は|为|為|：|:)?\s*(.+?)\s*(?:です|である|だ|となります|입니다)?$")


@lru_cache(2**14)
def readings(text: str) -> tuple[str, ...]:
    """The readings of an answer, the literal one first; each is as `plain` gives it, none is empty."""
    found = [text]
    if match := _YES_NO.fullmatch(text):
        found.append(match[1])
    if not text.isascii() and (match := _AROUND.match(text)):
        found.append(match[1])
    if match := _ENCLOSED.fullmatch(text):
        found.append(plain(match[1]))
    if (match := _TWICE.fullmatch(text)) and quantities(match[1]) == quantities(match[2]) != ():
        found.append(match[1])
    for pattern in (_SO, _LEAD, _IN, _NAMED, _NOT, _TAIL, _REMARK):
        found += [shorter for known in list(found) if (shorter := _without(pattern, known)) not in ("", known)]
    # "It is a" names no option.
    return tuple(one for one in dict.fromkeys(found) if one == text or not (len(one) == 1 and one.islower()))


def _without(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.match(text) if pattern in (_SO, _LEAD, _IN, _NAMED) else pattern.search(text)
    return plain(text[: match.start()] + text[match.end() :]) if match else text


def same_text(first: str, second: str) -> bool:
    """Whether two texts are the same but for case, articles and periods; case counts where it may mean something."""
    if first == second:
        return True
    one, other = (_bare(text) for text in (first, second))
    if not one or one.casefold() != other.casefold():
        return False
    if quantities(first) or quantities(second) or one != other and _GENES.search(one):
        return one == other  # "2 M" and "2 m", "Tt" and "tt"
    if len(one) == 2 and one != other and not (one.islower() or other.islower()) and one.lower() not in _TWO:
        return False  # "Co" and "CO"
    units = parse_unit(first, attached=True), parse_unit(second, attached=True)
    if all(units) and units[0] != units[1]:
        return False  # "mm" and "Mm"
    return one == other or _careless(one) or _careless(other) or not _coded(first, second)


def _bare(text: str) -> str:
    """Without an article, periods, spaces around signs; H_2O is H2O."""
    text = _CHARGE.sub(r"\1", _ARTICLE.sub("", text).replace(".", ""))
    text = _LOWERED.sub(lambda match: match[1] or match[2], text)
    return _SPACED.sub(r"\1", text)


def _careless(text: str) -> bool:
    """Whether somebody wrote all in lower case: no meaning was put into it."""
    return text == text.lower()


def _coded(first: str, second: str) -> bool:
    """Whether case may mean something: in formulas ("Co2", "CO2"), and in units ("Mm", "mm")."""
    return any(any(sign.isdigit() for sign in text) or parse_unit(text, attached=True) for text in (first, second))
