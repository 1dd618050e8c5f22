"""From text to reasoning steps."""

from __future__ import annotations

import re
from itertools import pairwise

_LABEL = (
    r"(?:(?:so|thus|therefore|hence|and)\b,?[ \t]+)?(?:(?:the|my|our)[ \t]+)?"
    r"(?:(?:final|correct|right|best|short)[ \t]+)?(?:answers?|ans\.?)(?:[ \t]*\(final\)|[ \t]+is)?"
    r"|(?:最终|最終|正确|正しい|标准)?(?:答案|答え|解答|回答)(?:是|为|為|は)?|答|정답|답"
    r"|الإجابة(?: النهائية)?|الجواب|उत्तर"
    r"|r[ée]ponse(?:[ \t]+finale)?|respuesta(?:[ \t]+final)?|resposta(?:[ \t]+final)?|(?:endgültige[ \t]+)?antwort"
    r"|risposta(?:[ \t]+finale)?|(?:окончательный[ \t]+)?ответ|odpowiedź|cevap|đáp[ \t]án|antwoord|svar|jawaban"
    r"|câu[ \t]trả[ \t]lời|คำตอบ|উত্তর|پاسخ|תשובה|απάντηση|vastaus|válasz|răspuns|відповідь"
)
# Bullets, quotes and emphasis may stand before it, or a list's number.
_BEFORE = r"[^\w\n\\<]{0,20}(?:\d{1,2}[.)][ \t]+)?[*_ \t]{0,4}"
ANSWER_PATTERN = rf"(?im)^{_BEFORE}(?:{_LABEL})[ \t\u00a0*_`\"']*(?:[:：]|[ \t][-–—][ \t]|$)(.*)$"
"""A line "Answer: …" in any case and many languages, also in Markdown's bold, as a list item, a quote or a heading.

A heading need not have a colon. What is on the next line where nothing else is on this one is found by `extraction`.
"""

STEP_PATTERN = r"(?im)^[ \t*#]*step[ \t]+\d+[ \t]*[:.)]"
"""What begins a step: "Step 1:" at the beginning of a line, also in Markdown's bold or as its heading."""

_LINE = r"(?m)^"


def split_steps(text: str, step_pattern: str = STEP_PATTERN, answer_pattern: str = ANSWER_PATTERN) -> list[str]:
    """The reasoning steps of a response.

    A step reaches from its heading to the next one, over as many lines as that takes; text before the first
    heading belongs to the first step. Without headings every line that isn't blank is a step. The last answer
    and what follows it are no step, unless there is nothing else.

    Args:
        text: A response.
        step_pattern: A regular expression that matches where a step begins.
        answer_pattern: A regular expression that matches the answer (see `answers.extract_answer`).

    Returns:
        The steps, without surrounding white space. Empty only if `text` is blank.
    """
    return [text[start:end].strip() for start, end in pairwise(_bounds(text, step_pattern, answer_pattern))]


def step_prefixes(text: str, step_pattern: str = STEP_PATTERN, answer_pattern: str = ANSWER_PATTERN) -> list[str]:
    """The beginnings of a response up to the end of each of its steps.

    Args:
        text: A response.
        step_pattern: See `split_steps`.
        answer_pattern: See `split_steps`.

    Returns:
        One prefix of `text` per step of `split_steps`, each longer than the one before; it includes the white
        space up to the next step or the answer.
    """
    return [text[:end] for end in _bounds(text, step_pattern, answer_pattern)[1:]]


def _bounds(text: str, step_pattern: str, answer_pattern: str) -> list[int]:
    """Where the steps begin, and where the last one ends; empty or at least two, growing."""
    if not text.strip():
        return []
    end = len(text)
    for match in re.finditer(answer_pattern, text):
        end = match.start()
    if not text[:end].strip():
        return [0, len(text)]
    starts = [match.start() for match in re.finditer(step_pattern, text[:end])]
    starts = starts or [match.start() for match in re.finditer(_LINE, text[:end])]
    # A blank stretch joins what is before it, or, at the very beginning, what follows.
    filled = [start for start, stop in pairwise([*starts, end]) if text[start:stop].strip()]
    return [0, *filled[1:], end]
