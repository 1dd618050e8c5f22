"""The fields of a row, checked: what cannot be meant as it is written is an error, never a guess."""

from __future__ import annotations

import math
import re
from typing import Any, cast, get_args

from lit_mstar.equality.choices import option_named
from lit_mstar.equality.comparison import Comparison
from lit_mstar.equality.plain import plain
from lit_mstar.rollouts.nouns import AnswerType, Problem
from lit_mstar.rollouts.options import LETTERS, bare_options, own_letters

Fields = dict[str, Any]  # of a row, by name


def text(fields: Fields, name: str) -> str:
    """A field that must be a text."""
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"field {name!r} is {value!r}; it must be a text.")
    return value


def answers(fields: Fields) -> tuple[str, ...]:
    """The accepted answers, the first of them the reference; empty where there is none."""
    given = fields.get("answer")
    if given is None or (isinstance(given, str) and not given.strip()):
        return ()
    several = given if isinstance(given, list) else [given]
    if not several:
        raise ValueError("field 'answer' is an empty list; give at least one accepted answer, or leave the field out.")
    return tuple(_scalar(one, "answer", given) for one in several)


def choices(fields: Fields) -> tuple[str, ...]:
    """The options, at most as many as there are letters."""
    given = fields.get("choices") or []
    if not isinstance(given, list):
        raise ValueError(f"field 'choices' is {given!r}; it must be a list of options.")
    if len(given) > len(LETTERS):
        raise ValueError(f"field 'choices' has {len(given)} options; letters end at Z, so give at most {len(LETTERS)}.")
    return tuple(_scalar(one, "choices", given) for one in given)


def images(fields: Fields) -> list[str | bytes]:
    """The images: names as written, or encoded image files."""
    if "image" in fields and "images" in fields:
        raise ValueError("fields 'image' and 'images' are both there; keep one of them.")
    given = fields.get("images", [fields["image"]] if fields.get("image") else [])
    if not isinstance(given, list) or not all(isinstance(image, str | bytes) for image in given):
        raise ValueError(f"field 'images' is {given!r}; it must be a list of file paths.")
    return given


def answer_type(fields: Fields) -> AnswerType | None:
    """What the row says its answer is."""
    given = fields.get("answer_type")
    if given is not None and given not in get_args(AnswerType):
        raise ValueError(f"field 'answer_type' is {given!r}; it must be one of {', '.join(get_args(AnswerType))}.")
    return cast(AnswerType | None, given)


def precision(fields: Fields) -> int | None:
    """Decimal places; 1.0 is 1."""
    given = fields.get("precision")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or given < 0 or given != int(given):
        raise ValueError(f"field 'precision' is {given!r}; it must be a number of decimal places, 0 or more.")
    return int(given)


def require_option(problem: Problem) -> AnswerType | None:
    """Which of letter and text the answer is, where only one of both can be meant; every answer must name an option.

    Raises:
        ValueError: If one names none, or the letter of one option and the text of another.
    """
    kind = problem.answer_type
    _require_letters_in_order(problem)
    for answer in (problem.answer, *problem.accepted):
        if answer is None or kind not in (None, "letter", "option"):
            continue
        by_letter, by_text = (_named(answer, problem.choices, by) for by in ("letter", "option"))
        if by_letter is None and by_text is None:
            raise ValueError(
                f"field 'answer' is {answer!r}, which names no option; it must be a letter from A to "
                f"{LETTERS[len(problem.choices) - 1]} or the text of one option ({_listed(problem.choices)})."
            )
        if kind is None and None not in (by_letter, by_text) and by_letter != by_text:
            if not re.fullmatch(r"[A-Za-z]", answer.strip()):  # "(a)" is written as the option is
                return "option"
            raise ValueError(
                f"field 'answer' is {answer!r}, the letter of one option and the text of another; add field "
                "'answer_type' with 'letter' or 'option' (its text)."
            )
    return kind


def _require_letters_in_order(problem: Problem) -> None:
    """Options with letters of their own, in another order than ours: an answer that is a letter could mean either."""
    letters = own_letters(problem.choices)
    answers = [answer for answer in (problem.answer, *problem.accepted) if answer is not None]
    if (
        letters
        and letters != LETTERS[: len(letters)]
        and any(_named(answer, problem.choices, "letter") is not None for answer in answers)
    ):
        raise ValueError(
            f"field 'choices' letters its options {', '.join(letters)}, and they are shown as "
            f"{', '.join(LETTERS[: len(letters)])}: put them in the order of their letters, or leave the letters out."
        )


def _named(answer: str, options: tuple[str, ...], by: str) -> int | None:
    """The option of that letter or, but for case and white space, of that text; None for none or several."""
    if by == "letter":
        match = re.fullmatch(r"\(?([A-Za-z])\)?[.):]?", answer.strip())
        index = LETTERS.index(match[1].upper()) if match else len(options)
        return index if index < len(options) else None
    for spelled in (str.strip, lambda option: " ".join(option.split()).casefold()):
        for written in (options, bare_options(options)):
            same = [index for index, option in enumerate(written) if spelled(option) == spelled(answer)]
            if len(same) == 1:
                return same[0]
    if len(set(options)) < len(options) or (_is_letter(answer) and not any(len(plain(x)) == 1 for x in options)):
        return None  # no longer text means the same as a letter: what is most often asked is not computed
    return option_named(answer, options, Comparison().same, "option")


def _is_letter(answer: str) -> bool:
    return re.fullmatch(r"\(?[A-Za-z]\)?[.):]?", answer.strip()) is not None


def _listed(options: tuple[str, ...]) -> str:
    shown = [f"{letter}: {option[:30]}" for letter, option in zip(LETTERS, options, strict=False)]
    return ", ".join(shown[:6]) + (", …" if len(shown) > 6 else "")


def _scalar(value: Any, name: str, whole: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if number or (isinstance(value, str) and value.strip()):
        return str(value)
    if value is whole:
        raise ValueError(f"field {name!r} is {value!r}; it must be a text, a number, or a list of those (any of them).")
    raise ValueError(f"field {name!r} has {value!r} in it; its items must be texts or numbers.")
