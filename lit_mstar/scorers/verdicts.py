"""Verdicts on steps in a text that a model wrote."""

from __future__ import annotations

import re
from collections.abc import Sequence

GOOD = ("+", "correct", "right", "good", "yes", "true", "valid")
BAD = ("-", "−", "–", "incorrect", "wrong", "bad", "no", "false", "invalid", "error")

# What may follow a verdict: the end of its line, or a reason.
_END = r"""(?=[ \t.!)\]}*_`"']*$|[.,;:]+[ \t]|[ \t]*[(—–-][ \t]?\w|[ \t]+(?:because|since|as|for)\b)"""


def verdicts(text: str, steps: int, good: Sequence[str] = GOOD, bad: Sequence[str] = BAD) -> list[bool | None]:
    """The verdict on each step; None where the text has none that is clear.

    Lines such as "Step 2: incorrect", "**Step 2** - Yes", "2. +" are read; of several on one step, the last counts, for
    models think first. A line that only begins with such a word, "Step 2: Right of the door …", is no verdict.

    Args:
        text: What the model wrote.
        steps: How many steps there are, numbered from 1.
        good: What says that a step is right, in any case.
        bad: What says that it is not.
    """
    words = {word.lower(): True for word in good} | {word.lower(): False for word in bad}
    spelled = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    line = re.compile(
        rf"^[^\w\n]*(?:step[ \t]*)?(\d+)[ \t*_]*(?:\([^()\n]*\))?[:.)=|–—-]*"
        rf"[ \t*_`\"'(\[]*(?:\\boxed\{{)?({spelled}){_END}",
        re.I | re.M,
    )
    found: list[bool | None] = [None] * steps
    for match in line.finditer(_lines(text)):
        if 1 <= (number := int(match[1])) <= steps:
            found[number - 1] = words[match[2].lower()]
    return found


def last_verdict(text: str, good: Sequence[str] = GOOD, bad: Sequence[str] = BAD) -> bool | None:
    """The last verdict in a text about one step, boxed or alone on a line; None where there is none."""
    words = {word.lower(): True for word in good} | {word.lower(): False for word in bad}
    spelled = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    pattern = (
        rf"\\boxed\{{\s*(?:\\text\{{)?({spelled})\}}*|^[\s*_`\"']*(?:(?:verdict|answer)\W+)?({spelled})[\s.!*_`\"']*$"
    )
    matches = list(re.finditer(pattern, _lines(text), re.I | re.M))
    return words[(matches[-1][1] or matches[-1][2]).lower()] if matches else None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")
