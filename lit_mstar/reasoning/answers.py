r"""From text to the final answer, and whether two answers are equal: `RuleGrader` as two functions.

Where an answer stands is said in `extraction`, what it may be meant to say in `readings`, when two are equal in
`equality`, and which option an answer names in `choices`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

from lit_mstar.equality.choices import lettered, lone_letter, option_named, options
from lit_mstar.equality.comparison import Comparison
from lit_mstar.equality.plain import plain
from lit_mstar.reasoning.extraction import EXTRACTORS, Extractor, Label, find_answer
from lit_mstar.reasoning.grader import Verdict
from lit_mstar.reasoning.steps import ANSWER_PATTERN
from lit_mstar.rollouts.options import LETTERS

_MAX_LAYERS = 8  # of wrappers around an answer; a bound keeps the time linear on "$$$$…"
_WRAPPERS = (
    *((rf"\{command}{{", "}") for command in ("boxed", "fbox", "text", "textbf", "mathrm", "mathbf")),
    *(("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("__", "__"), ("*", "*"), ("_", "_")),
    *(("`", "`"), ('"', '"'), ("“", "”"), ("「", "」")),
)


def extract_answer(
    text: str, pattern: str = ANSWER_PATTERN, extractors: Sequence[Extractor] | None = None
) -> str | None:
    r"""The final answer that a response states.

    Args:
        text: A response.
        pattern: A regular expression with one group, the answer, for the answer line. The last match counts.
        extractors: The ways to state an answer that are looked for; by default all shipped ones, but with a pattern of
            one's own that alone.

    Returns:
        The answer without its wrappers (`\boxed{}`, `$…$`, `**…**`, a final period); None if there is none.

    Raises:
        ValueError: If the pattern doesn't have exactly one group.
    """
    if (groups := re.compile(pattern).groups) != 1:
        raise ValueError(f"{pattern!r} has {groups} groups; it needs one, around the answer.")
    if extractors is None:
        extractors = EXTRACTORS if pattern == ANSWER_PATTERN else (Label(),)
    statement = find_answer(text, pattern, extractors)
    answer = _unwrap(statement.answer) if statement else ""
    return answer if plain(answer) else None


def answers_match(
    predicted: str | None, reference: str, choices: Sequence[str] | None = None, timeout: float = 3.0
) -> bool:
    """Whether a predicted answer is right.

    Args:
        predicted: The answer of a response; None and blank are never right.
        reference: The known answer.
        choices: The options of a multiple-choice question. Both answers may name one by its letter ("B", "(b)", "B.",
            "B: a dog") or its text; a lone letter is read as a letter first.
        timeout: Seconds that a symbolic comparison may take (see `symbolic.symbolically_equal`).
    """
    return judge(predicted, reference, choices or (), Comparison(timeout=timeout)).correct


def judge(predicted: str | None, reference: str, choices: Sequence[str], comparison: Comparison) -> Verdict:
    """Whether a predicted answer is right, and why; arguments as for `answers_match`."""
    if not predicted or not plain(predicted) or not plain(reference):
        return Verdict(False, "no answer")
    if not choices:
        return _without_options(predicted, reference, comparison)
    by = comparison.answer_type if comparison.answer_type in ("letter", "option") else None
    wanted = option_named(reference, choices, comparison.same, by)
    if wanted is None:  # the reference names no option: whatever it is, it is compared as it stands
        return comparison(predicted, reference)
    given = option_named(predicted, choices, comparison.same)
    if given is None:  # of equal options, none alone is named
        same = plain(predicted).casefold() == options(tuple(choices))[wanted].casefold()
        return Verdict(same, "option's text" if same else "no option named")
    return Verdict(given == wanted, f"option {LETTERS[given]}")


def _without_options(predicted: str, reference: str, comparison: Comparison) -> Verdict:
    """Where the options stand in the question alone, a letter is still a letter: "B. 24" is B."""
    verdict = comparison(predicted, reference)
    if (
        not verdict.correct
        and comparison.answer_type in (None, "letter")
        and re.fullmatch(r"\(?[A-Z]\)?", plain(reference))
    ):
        letter, (named, rest) = plain(reference).strip("()"), lettered(plain(predicted)) or ("", "")
        return Verdict(named == letter and lone_letter(rest) in ("", letter), "letter")
    return verdict


def _unwrap(text: str) -> str:
    for _ in range(_MAX_LAYERS):
        outer, text = text, text.strip().removesuffix(".").removesuffix("。").strip()
        for mark in ("**", "__"):
            if text.count(mark) % 2:  # half of a pair around the whole line
                text = text.removeprefix(mark).strip() if text.startswith(mark) else text.removesuffix(mark).strip()
        for opening, closing in _WRAPPERS:
            inner = text[len(opening) : -len(closing)]
            if inner and text == opening + inner + closing and _encloses(inner, closing):
                text = inner
        if text == outer:
            break
    return text


def _encloses(inner: str, closing: str) -> bool:
    r"""Whether one wrapper encloses all of `inner`, unlike in `$a$ and $b$` or `\text{a}+\text{b}`."""
    if closing != "}":
        return closing not in inner
    return min(accumulate((char == "{") - (char == "}") for char in inner), default=0) >= 0
