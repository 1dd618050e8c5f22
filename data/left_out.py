"""Problems that cannot be used: an error, or left out, counted and listed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

from lit_mstar.rollouts.nouns import Problem

_LISTED = 5  # problems in a warning, ours


def without(
    problems: Sequence[Problem], faults: Mapping[str, str], on_bad: Literal["error", "skip"], what: str, remedy: str
) -> list[Problem]:
    """The problems without those that have a fault; a warning tells of these.

    Args:
        problems: All of them.
        faults: What is wrong, by a problem's id.
        on_bad: What to do about these: an error, or leave them out.
        what: The split, for messages.
        remedy: What they have in common, and what to do: "have such images; repair them".

    Raises:
        ValueError: If there are any and `on_bad` is "error", or none is left.
    """
    if not faults:
        return list(problems)
    listed = [f"{bad.source or bad.id}: {faults[bad.id]}" for bad in problems if bad.id in faults]
    count = f"{len(faults)} of {len(problems)} {what!r} problems"
    if on_bad == "error" or len(faults) == len(problems):
        raise ValueError(f"{listed[0]} ({count} {remedy}, or set on_bad_row: skip.)")
    more = f"\n… and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    warnings.warn(f"{count} were left out:\n" + "\n".join(listed[:_LISTED]) + more, stacklevel=5)
    return [problem for problem in problems if problem.id not in faults]
