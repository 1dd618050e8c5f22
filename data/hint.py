"""Problems that give their answer away: the paper's warmup samples reasoning that leads to a known answer."""

from __future__ import annotations

import re
from dataclasses import replace

from lit_mstar.rollouts.nouns import Problem

_PLACES = ("{question}", "{answer}")


def checked_hint(template: str | None) -> str | None:
    """The template itself; None, which stands for no hint, is one too.

    Raises:
        ValueError: If it lacks `{question}` or `{answer}`.
    """
    missing = [place for place in _PLACES if template is not None and place not in template]
    if missing:
        raise ValueError(f"The hint is {template!r}; it must contain {missing[0]}.")
    return template


def hinted(problem: Problem, template: str | None) -> Problem:
    """The problem as it is asked with a hint: its question is the template, filled in; its choices follow as ever.

    Both places are filled in together, so braces in a question or an answer mean nothing. Without a template, or an
    answer to give away, the problem stays as it is.
    """
    if template is None or problem.answer is None:
        return problem
    parts = dict(zip(_PLACES, (problem.question, problem.answer), strict=True))
    question = re.sub("|".join(map(re.escape, _PLACES)), lambda match: parts[match[0]], template)
    return replace(problem, question=question)
