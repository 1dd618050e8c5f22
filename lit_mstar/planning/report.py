"""The estimates as tables for people, and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from lit_mstar.planning.estimate import GB, Estimate

_KINDS = ("weights", "gradients", "optimizer", "activations", "cache", "engine")


def show(estimates: Sequence[Estimate], advised: dict[str, list[tuple[str, float]]], gpus: int, memory: float) -> None:
    """Prints a table of memory, one of work, and what to change."""
    console = Console(width=None if Console().is_terminal else 140)
    table = Table(title=f"memory on each of {gpus} GPU{'s' if gpus > 1 else ''}, GB (10⁹ bytes)", title_justify="left")
    for name in ("stage", "phase", "model", *_KINDS, "in all", f"of {memory / GB:g}"):
        table.add_column(name, justify="left" if name in ("stage", "phase", "model") else "right")
    for found in estimates:
        for phase, ways in found.phases.items():
            for way, need in ways.items():
                named = way == found.strategy
                fits = ("fits" if need.total <= memory else "too much") if named else ""
                row = [found.stage, phase, way + (" *" if named else "")]
                cells = [_giga(getattr(need, kind)) for kind in _KINDS]
                table.add_row(*row, *cells, _giga(need.total), fits)
    console.print(table)
    console.print("whole: every GPU has all of the model (one GPU, DDP); sharded: divided over the GPUs (FSDP2);")
    console.print("*: the strategy that the config names\n")
    work = Table(title="work", title_justify="left")
    for name in (
        "stage",
        "weights",
        "trained",
        "prompt",
        "image",
        "response",
        "problems",
        "responses",
        "tokens",
        "steps",
    ):
        work.add_column(name, justify="left" if name == "stage" else "right")
    for found in estimates:
        done = found.work
        work.add_row(
            found.stage,
            _count(found.total),
            _count(found.trainable),
            *map(str, (found.prompt, found.image, found.response)),
            *(_count(value) for value in (done.problems, done.responses, done.tokens)),
            "?" if done.steps is None else f"{done.epochs} x {done.steps}",
        )
    console.print(work)
    console.print(
        "tokens of an example's prompt, of its images, and of the longest response; responses, tokens and steps"
    )
    console.print("of an iteration, at most; ? where nobody can tell before the data are there\n")
    for stage, changes in advised.items():
        console.print(f"{stage} does not fit. To make it smaller, one after the other:", markup=False)
        for text, then in changes:
            console.print(f"  {text}: {_giga(then)} GB{', fits' if then <= memory else ''}", markup=False)


def values(estimates: Sequence[Estimate]) -> list[dict[str, Any]]:
    """The same as plain values, bytes and counts."""
    return [asdict(found) | {"most": found.most} for found in estimates]


def _giga(number: float) -> str:
    return f"{number / GB:.3g}" if number else "–"


def _count(number: int | None) -> str:
    if number is None:
        return "?"
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)
