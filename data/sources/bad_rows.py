"""Rows that cannot be used: what is wrong with each, and what is said of all of them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_LISTED = 5  # bad rows in a message, ours


@dataclass(frozen=True)
class BadRow:
    """A row that was left out.

    Args:
        where: "file:row".
        why: What is wrong with it, and what to do.
        part: The part of the data set that it belongs to, where rows say so.
        duplicate: Whether only that it is there already, or held out, is wrong.
    """

    where: str
    why: str
    part: str = ""
    duplicate: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


class RowError(ValueError):
    """What is wrong with a row that has no fields yet.

    Args:
        error: What its reader said.
        part: The part of the data set that it belongs to.
    """

    def __init__(self, error: ValueError, part: str) -> None:
        super().__init__(str(error))
        self.part = part


class DuplicateError(ValueError):
    """A row that is there already, or is to be measured with."""


def report(dropped: Sequence[BadRow], kept: int, split: str, most_bad: float, option: str) -> None:
    """Warns of rows that were left out.

    Args:
        dropped: Those.
        kept: How many others there are.
        split: Theirs.
        most_bad: The largest share of bad rows; duplicates are none.
        option: The setting that says so, for the message.

    Raises:
        ValueError: If all rows are bad, or more than `most_bad` of them.
    """
    if not dropped:
        return
    first, total, bad = _listed(dropped), len(dropped) + kept, sum(not row.duplicate for row in dropped)
    if not kept:
        raise ValueError(f"All {len(dropped)} rows of {split!r} are bad; the first of them:\n{first}")
    if bad > most_bad * total:
        raise ValueError(
            f"{bad} of {total} {split!r} rows are bad, more than {option}={most_bad:g} of them; mend them, or raise "
            f"it. The first of them:\n{first}"
        )
    warnings.warn(f"{len(dropped)} of {total} {split!r} rows were left out:\n{first}", stacklevel=4)


def _listed(dropped: Sequence[BadRow]) -> str:
    """The first of them, how many more there are, and how many of which part."""
    lines = [str(row) for row in dropped[:_LISTED]]
    lines += [f"… and {len(dropped) - _LISTED} more"] if len(dropped) > _LISTED else []
    if (parts := Counter(row.part for row in dropped)).keys() - {""}:
        lines.append("By part: " + ", ".join(f"{part or 'none'} {count}" for part, count in parts.most_common()))
    return "\n".join(lines)
