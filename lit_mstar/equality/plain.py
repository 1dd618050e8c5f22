r"""One spelling for what means the same: Markdown, LaTeX's text commands, Unicode's variants of signs and digits.

Nothing is interpreted here: `\text{24}` and `**24**` become "24", `²` becomes "^2"; what a number, a unit or an
expression is, is decided in other files. Case stays: it can mean something.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LONGEST = 300  # characters, ours; a longer answer is compared as text only
_MAX_LAYERS = 8  # of wrappers; a bound keeps the time linear on "$$$$…"

_SIGNS = {
    **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d", "-"),
    **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\r", ""),
    **dict.fromkeys("“”„‟«»「」『』", '"'),
    **dict.fromkeys("‘’‚‛′`", "'"),
    **{"⁄": "/", "∕": "/", "÷": "/", "∶": ":", "⋅": "·", "∙": "·", "•": "·", "✕": "×", "✖": "×", "⨯": "×"},
    **{
        "≃": "≈",
        "≅": "≈",
        "∼": "~",
        "㎝": "cm",
        "℃": "°C",
        "º": "°",
        "˚": "°",
        "∘": "°",
        "、": ", ",
        "。": ".",
        "｡": ".",
    },
    **{"⩽": "≤", "⩾": "≥", "≦": "≤", "≧": "≥", "∞": r"\infty ", "£": "£", "￥": "¥", "＄": "$", "％": "%"},
}
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_RAISED_RUN = re.compile(f"[{''.join(_RAISED)}]+")
_VULGAR = re.compile("(?<=\\d)[¼-¾⅐-⅞]|[¼-¾⅐-⅞]")

# LaTeX: what only changes the look of its argument, and what has a sign of its own.
_LOOK = (
    r"boxed|fbox|framebox|overline|text|textbf|textit|textrm|textsf|mathrm|mathbf|mathit|mathsf|mathtt|bm|mbox|hbox|ce"
    r"|operatorname"
)
_LOOK_OPEN = re.compile(rf"\\(?:{_LOOK})\*?\s*\{{")
_COMMANDS = [
    (re.compile(r"\\(?:displaystyle|textstyle|left|right|bigl?|bigr?|Bigl?|Bigr?|limits|!)(?![a-zA-Z])"), ""),
    (re.compile(r"(?<!\\)\\[,;:> ]|\\q?quad(?![a-zA-Z])"), " "),
    (re.compile(r"\\[dt]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?![a-zA-Z])|\^\{?°\}?|\^\{?o\}?(?![a-zA-Z])"), "°"),
    (re.compile(r"\\times(?![a-zA-Z])"), "×"),
    (re.compile(r"\\(?:cdot|ast)(?![a-zA-Z])"), "·"),
    (re.compile(r"\\div(?![a-zA-Z])"), "/"),
    (re.compile(r"\\pm(?![a-zA-Z])"), "±"),
    (re.compile(r"\\pi(?![a-zA-Z])"), "π"),
    (re.compile(r"\\triangle(?![a-zA-Z])"), "△"),
    (re.compile(r"\\(?:emptyset|varnothing)(?![a-zA-Z])"), "∅"),
    (re.compile(r"\\(?:approx|simeq|cong|sim)(?![a-zA-Z])"), "≈"),
    (re.compile(r"\\leq?(?:slant)?(?![a-zA-Z])"), "≤"),
    (re.compile(r"\\geq?(?:slant)?(?![a-zA-Z])"), "≥"),
    (re.compile(r"\\neq?(?![a-zA-Z])"), "≠"),
    (re.compile(r"\\lt(?![a-zA-Z])"), "<"),
    (re.compile(r"\\gt(?![a-zA-Z])"), ">"),
    (re.compile(r"\\in(?![a-zA-Z])"), "∈"),
    (re.compile(r"\\cup(?![a-zA-Z])"), "∪"),
    (re.compile(r"\\(?:measured)?angle(?![a-zA-Z])"), "∠"),
    (re.compile(r"\\triangle(?![a-zA-Z])\s*"), "△"),
    (re.compile(r"\\(?:colon|ratio)(?![a-zA-Z])"), ":"),
    (re.compile(r"\\(?:euro)(?![a-zA-Z])(?:\{\})?"), "€"),
    (re.compile(r"\\(?:pounds)(?![a-zA-Z])(?:\{\})?"), "£"),
    (re.compile(r"\\(?:yen)(?![a-zA-Z])(?:\{\})?"), "¥"),
    (re.compile(r"\\([{}%&#_])"), r"\1"),
    (re.compile(r"\{,\}"), ","),
]
_FRAC = re.compile(r"\\frac\s*(\d)\s*(\d)(?!\d)")
_MONEY = re.compile(r"(?<![\w$])\$(?=\.?\d)")
_QUOTES = re.compile(r"^(['\"])(.+)\1$")
_END_TOKEN = re.compile(r"(?:<\|[^|<>]{1,30}\|>|</?s>|<eos>|<end_of_\w+>)\s*$")  # where somebody decoded it, too
_ENDS = " \t,;:?*_#✓✔☑✅"


@lru_cache(2**14)
def plain(text: str) -> str:
    """The text in one spelling, on one line; empty where there is nothing in it."""
    text = _signs(re.sub(r"[^\S\n]", " ", _END_TOKEN.sub("", text)))
    text = re.sub(r"(?m)^[ \t]*(?:#{1,6}[ \t]+|>[ \t]+)+", "", text)
    text = text.replace("**", "").replace("__", "").replace("~~", "")
    text = re.sub(r"(?<![^\W\d_])pi(?![^\W\d_])", "π", _delimiters(_latex(text)))
    for _ in range(_MAX_LAYERS):
        outer, text = text, " ".join(text.split())
        text = _trimmed(text)
        text = _QUOTES.sub(r"\2", text)
        if text[:1] == "{" and _closing(text, 0) == len(text) - 1 and "," not in text:
            text = text[1:-1]  # "{B}": LaTeX's grouping; with commas it is a set
        if text == outer:
            break
    return text


def _signs(text: str) -> str:
    """Unicode's variants of signs and digits as ASCII ones; raised digits as exponents."""
    text = _RAISED_RUN.sub(lambda match: _exponent("".join(_RAISED[sign] for sign in match[0])), text)
    text = re.sub(r"\^(-?\d{2,}|-\d)", r"^{\1}", text)
    text = _VULGAR.sub(lambda match: " " + _fraction(match[0]), text)
    text = re.sub(r"(?<=\d)~(?=[a-zA-Z\\])", " ", text)  # LaTeX's space
    if text.isascii():
        return text.replace("`", "'").replace("\r", "")
    return "".join(_sign(sign) for sign in text).replace("^°", "°")


def _exponent(digits: str) -> str:
    return f"^{digits}" if len(digits) == 1 else f"^{{{digits}}}"


def _sign(sign: str) -> str:
    if sign in _SIGNS:
        return _SIGNS[sign]
    if sign in _LOWERED:
        return _LOWERED[sign]
    if sign.isdecimal():  # of any script
        return str(unicodedata.digit(sign))
    if "\uff01" <= sign <= "\uff5e":  # full width
        return chr(ord(sign) - 0xFEE0)
    return sign


def _fraction(sign: str) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", sign).partition("⁄")
    return f"{top}/{bottom}"


def _latex(text: str) -> str:
    if "\\" not in text and "{" not in text:
        return text
    for _ in range(_MAX_LAYERS):
        match = None
        for match in _LOOK_OPEN.finditer(text):  # the last one is innermost
            pass
        if match is None or (end := _closing(text, match.end() - 1)) is None:
            break
        behind_number = re.search(r"(?<!_)\d$", text[: match.start()])  # "5\text{cm}", not "H_2\text{O}"
        spaced = " " if behind_number and text[match.end() : match.end() + 1].isalpha() else ""
        text = text[: match.start()] + spaced + text[match.end() : end] + text[end + 1 :]
    for pattern, sign in _COMMANDS:
        text = pattern.sub(sign, text)
    return _FRAC.sub(r"\\frac{\1}{\2}", text)


def _closing(text: str, start: int) -> int | None:
    """Where the brace that opens at `start` closes; None where it does not."""
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] == "{") - (text[index] == "}")
        if depth == 0:
            return index
    return None


def _delimiters(text: str) -> str:
    r"""Without `$…$`, `\(…\)` and `\[…\]`; a dollar sign that is none of these stays, it is money."""
    text = re.sub(r"\\[()\[\]]", "", text)
    bare = text.replace(r"\$", " ")
    money = bare.count("$") == len(_MONEY.findall(bare))  # "$5 to $10"
    if bare.count("$") % 2 == 0 and not money:
        text = re.sub(r"(?<!\\)\$", "", text)
    return text.replace(r"\$", "$")


def _trimmed(text: str) -> str:
    """Without what stands around an answer: Markdown's signs, quotes' halves, a period."""
    if text.endswith("}") and text.count("}") > text.count("{"):  # the end of somebody's JSON
        text = text[:-1]
    stripped = re.sub(r"(?:(?<=[^\W\d]{2})|(?<=[A-Z]))!+$", "", text.strip(_ENDS)).rstrip(" .")  # "5!" is a factorial
    for quote in "'\"":
        if stripped.count(quote) == 1:
            stripped = stripped.strip(quote)
    return stripped.strip()
