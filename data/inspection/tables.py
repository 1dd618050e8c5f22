"""Statistics as tables for a terminal, and as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from lit_mstar.data.inspection.statistics import SplitStatistics, Spread, Statistics

_LISTED = 5  # examples of what was dropped, and values of a tag, ours


def show(found: Statistics, console: Console) -> None:
    """Prints what there is, then what is wrong with it."""
    console.print(_counts(found), _lengths(found), *_tags(found))
    for split, why in found.failed.items():
        console.print(f"{split}: {why}", markup=False)
    for split, one in found.splits.items():
        _show_dropped(split, one, console)
        if one.same_question:
            console.print(f"{split}: {one.same_question} problems ask what another asks.", markup=False)
    for (first, second), (count, example) in found.overlaps.items():
        console.print(f"{count} problems are in {first} and in {second}: {example}", markup=False)


def values(found: Statistics) -> dict[str, Any]:
    """The same as plain values, for JSON."""
    splits = {}
    for split, one in found.splits.items():
        whole = {name: _plain(value) for name, value in vars(one).items() if name != "dropped"}
        whole["dropped"] = {"rows": len(one.dropped), "reasons": dict(reasons(one)), "parts": dict(parts(one))}
        splits[split] = whole
    overlaps = {f"{a} and {b}": {"problems": n, "example": text} for (a, b), (n, text) in found.overlaps.items()}
    return {"splits": splits, "overlaps": overlaps, "tokens_by": found.counted_by, "failed": found.failed}


def _plain(value: Any) -> Any:
    if isinstance(value, Spread):
        return asdict(value)
    return {str(key): _plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def reasons(one: SplitStatistics) -> Counter[str]:
    """How many rows were dropped for the same kind of reason: the message without what is the row's own."""
    return Counter(_kind(bad.why) for bad in one.dropped)


def parts(one: SplitStatistics) -> Counter[str]:
    """How many rows of which part were dropped."""
    return Counter(bad.part for bad in one.dropped if bad.part)


def _kind(why: str) -> str:
    if why.startswith("field 'image'"):
        return "image missing" if "does not exist" in why else "image unusable"
    if why.startswith("it is the same problem"):
        return "in a held-out split, too" if "measured" in why else "twice"
    return " ".join(why.split()[:4]).rstrip(":;,")


def _counts(found: Statistics) -> Table:
    table = Table(
        "split", "problems", "dropped", "answers", "options", "images", title="What there is", title_justify="left"
    )
    for split, one in found.splits.items():
        cells = (
            str(one.problems),
            str(len(one.dropped)),
            _listed(one.answers),
            _listed(one.choices),
            _listed(one.images),
        )
        table.add_row(split, *cells)
    return table


def _lengths(found: Statistics) -> Table:
    counted = f"tokens of {found.counted_by}" if found.counted_by else "characters / 4, without images"
    names = ("image width", "image height", "prompt", "answer", "reasoning")
    table = Table("split", *names, title=f"median, 95% below, most; pixels and {counted}", title_justify="left")
    for split, one in found.splits.items():
        spreads = (one.widths, one.heights, one.prompts, one.answer_lengths, one.reasoning)
        table.add_row(split, *map(_spread, spreads))
    return table


def _tags(found: Statistics) -> list[Table]:
    names = dict.fromkeys(tag for one in found.splits.values() for tag in one.tags)
    tables = []
    for name in names:
        table = Table("split", name, title_justify="left")
        for split, one in found.splits.items():
            if name in one.tags:
                table.add_row(split, _listed(one.tags[name]))
        tables.append(table)
    return tables


def _show_dropped(split: str, one: SplitStatistics, console: Console) -> None:
    if not one.dropped:
        return
    console.print(f"{split}: {len(one.dropped)} rows dropped: {_listed(reasons(one))}", markup=False)
    if by_part := parts(one):
        console.print(f"  by part: {_listed(by_part)}", markup=False)
    for bad in one.dropped[:_LISTED]:
        console.print(f"  {bad}", markup=False)


def _listed(counts: Mapping[Any, int]) -> str:
    shown = sorted(counts.items(), key=lambda pair: -pair[1])
    more = f", and {len(shown) - 2 * _LISTED} more" if len(shown) > 2 * _LISTED else ""
    return ", ".join(f"{name} {count}" for name, count in shown[: 2 * _LISTED]) + more


def _spread(spread: Spread | None) -> str:
    return "" if spread is None else f"{spread.median:g}, {spread.p95:g}, {spread.most:g}"
