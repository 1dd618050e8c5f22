"""Which option of a multiple-choice question an answer names: by its letter, by its text, or by both."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from lit_mstar.equality.plain import plain
from lit_mstar.rollouts.options import LETTERS, bare_options

Same = Callable[[str, str], bool]

_LEAD = (
    r"(?:(?:only|just|definitely|probably|maybe|clearly|likely)\s+)?"
    r"(?:(?:the\s+)?(?:correct\s+|right\s+|best\s+|final\s+)?(?:option|choice|answer|alternative|letter)(?:\s+is)?\s*[:=]?\s*)*"
)
_LETTER = r"(?:\(\s*([A-Za-z])\s*\)|\[\s*([A-Za-z])\s*\]|\{\s*([A-Za-z])\s*\}|([A-Za-z])(?![\w'^]))"
_ALONE = re.compile(rf"{_LEAD}<?{_LETTER}\s*[.):>]*(?:\s+only)?", re.IGNORECASE)
# A letter, then something that sets off what follows: the option's text, or why it was chosen.
_SET_OFF = re.compile(
    rf"{_LEAD}{_LETTER}(?:\s*[.):,;]+\s*|\s+-+\s*|\s*-\s+|\s+(?=\()|(?<=[)\]}}])\s*"
    r"|\s+(?=because\b|since\b|as\b|is\s+(?:the\s+)?(?:correct|right|best|answer)))(?P<rest>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_SENTENCE = re.compile(
    r"(?P<ahead>.*\b(?:is|be|choose|select|pick|with|for|prefer|option|choice|answer|think|guess|so|thus|hence|therefore)"
    rf"\s*[:,]?\s*){_LETTER}\s*\.?",
    re.IGNORECASE | re.DOTALL,
)
_NEGATED = re.compile(r"(?:\b(?:not|cannot|never|nor|neither|except|but|wrong|incorrect)|n't)\b[^,.;]*$", re.IGNORECASE)
_CHINESE = re.compile(r"^(?:正确)?(?:选项|選項|选择|選擇|选|選|答案)(?:是|为|為)?\s*|选项$|選項$")
_SEVERAL = re.compile(rf"{_LEAD}{_LETTER}(?:\s*(?:,|/|&|\band\b|\bor\b|\+)+\s*{_LETTER})+\s*\.?", re.IGNORECASE)

_ENCLOSED = re.compile(r"^[(\[]([^()\[\]]+)[)\]]$")
_PARTED = re.compile(r"[,;/]\s+|\s+(?:or|and)\s+", re.IGNORECASE)


def lettered(text: str) -> tuple[str, str] | None:
    """The letter that an answer gives, in upper case, and what follows it; None where it gives none, or several.

    Args:
        text: As `plain` gives it.
    """
    if not text or len(text) > 2000 or _SEVERAL.fullmatch(text):
        return None
    text = text if text.isascii() else _CHINESE.sub("", text)
    for pattern in (_ALONE, _SET_OFF, _SENTENCE):
        if match := pattern.fullmatch(text):
            letter = next(group for group in match.groups() if group and len(group) == 1)
            if pattern is _SENTENCE and (letter.islower() and "(" not in text or _NEGATED.search(match["ahead"])):
                return None  # "it is a", "it can't be B"
            rest = match["rest"] if pattern is _SET_OFF else ""
            if rest and _another(rest):
                return None
            return letter.upper(), rest
    return None


def lone_letter(text: str) -> str:
    """The letter where a text is nothing but a letter, in upper case; else empty."""
    match = _ALONE.fullmatch(text)
    return next(group for group in match.groups() if group).upper() if match else ""


def _another(rest: str) -> bool:
    """Whether what follows a letter takes it back: "B, or C"."""
    return bool(re.search(r"\b(?:or|and)\s+(?:\w+\s+)?\(?[A-Z]\)?\s*(?:[.,;)!?]|$)", rest[:60]))


@lru_cache(2**12)
def options(choices: tuple[str, ...]) -> tuple[str, ...]:
    """The options' texts, without letters of their own, as `plain` gives them."""
    return tuple(plain(choice) for choice in bare_options(choices))


def option_named(answer: str, choices: Sequence[str], same: Same, by: str | None = None) -> int | None:
    """The index of the option that an answer names; None where it names none, or more than one.

    Args:
        answer: As somebody wrote it.
        choices: The options, in the order A, B, C, …
        same: Whether two texts mean the same.
        by: "letter" or "option" (its text) where that is known; otherwise both are tried.
    """
    texts, text = options(tuple(choices)), plain(answer)
    if by != "letter":
        raw = [index for index, choice in enumerate(choices) if choice.strip() == answer.strip()]
        if len(raw) == 1 and (by == "option" or len(answer.strip()) > 1):
            return raw[0]
    found = None if by == "option" else lettered(text)
    letter_like = [option.strip("()[]. ") for option in texts]
    if found and not found[1] and all(len(option) == 1 and option.isalpha() for option in letter_like):
        return _among_letters(text, found[0], letter_like, by)
    exact = [index for index, option in enumerate(texts) if option.casefold() == text.casefold()]
    if len(exact) == 1 and not (found and not found[1]):  # "A. Lincoln" may be an option's text
        return exact[0]
    if found and (index := LETTERS.index(found[0]) if found[0] in LETTERS else len(texts)) < len(texts):
        return index if not found[1] or _fits(index, found[1], texts, same) else None
    first = re.match(r"([A-Z])\s+(\S.*)", text)  # "B the blue truck"
    if first and (index := LETTERS.index(first[1])) < len(texts) and same(first[2], texts[index]):
        return index
    named = [index for index, option in enumerate(texts) if option and same(text, option)]
    return named[0] if len(named) == 1 else None


def _fits(index: int, rest: str, texts: Sequence[str], same: Same) -> bool:
    """Whether what follows a letter is its option's text or no option's: "B: 36" names none where C is 36."""
    bare = _ENCLOSED.sub(r"\1", rest)
    if same(rest, texts[index]) or same(bare, texts[index]):
        return True
    if lone_letter(rest) not in ("", LETTERS[index]):  # "(A)(B)"
        return False
    said = [rest, bare, *(part.strip() for part in _PARTED.split(bare))]
    for i, text in enumerate(texts):
        listed = rf"(?<![\w']){LETTERS[i]}\s*[.):]\s*{re.escape(text)}"
        if i != index and text and (any(same(part, text) for part in said if part) or re.search(listed, rest)):
            return False
    return True


def _among_letters(text: str, letter: str, options: Sequence[str], by: str | None) -> int | None:
    """Where the options are letters themselves: "C" is the third, "(c)" is the option that reads so."""
    in_brackets = re.findall(r"\(\s*([A-Za-z])\s*\)", text)
    own = in_brackets[0] if len(in_brackets) == 1 else text.strip("()[]{}. ") if len(text) <= 3 else letter
    if by != "letter" and own.islower() and own in options:
        return options.index(own)
    index = LETTERS.index(letter) if letter in LETTERS else len(options)
    return index if index < len(options) else None
