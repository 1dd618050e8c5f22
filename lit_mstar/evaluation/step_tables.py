"""Results of step benchmarks: figures with intervals, by group, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_mstar.evaluation.step_figures import (
    ScoredChain,
    auroc,
    best_threshold,
    first_error_f1,
    macro_f1,
    with_interval,
)
from lit_mstar.evaluation.tables import percent

_FIGURES = {"macro_f1": ("macro-F1 over steps", macro_f1), "first_error": ("F1 of the first error", first_error_f1)}


def results(
    name: str, figure: str, chains: Sequence[ScoredChain], threshold: float, groups: Sequence[str]
) -> dict[str, Any]:
    """A benchmark's figures.

    Args:
        name: The benchmark's.
        figure: "macro_f1" or "first_error".
        chains: All of them, scored.
        threshold: From which a step counts as right, chosen elsewhere.
        groups: Tags by which results are shown, too.
    """
    title, count = _FIGURES[figure]
    best = best_threshold(chains, count)
    found: dict[str, Any] = {
        "name": name,
        "figure": title,
        "threshold": threshold,
        "overall": with_interval(chains, count, threshold),
        "auroc": with_interval(chains, auroc, threshold),
        "best": {"threshold": best, "value": count(chains, best)},
        "groups": {},
    }
    for tag in groups:
        values = sorted({chain.tags[tag] for chain in chains if tag in chain.tags})
        found["groups"][tag] = {
            value: with_interval([chain for chain in chains if chain.tags.get(tag) == value], count, threshold)
            for value in values
        }
    return found


def markdown(scorer: str, found: Sequence[dict[str, Any]]) -> str:
    """All tables of a scorer's results."""
    lines = [f"# {scorer}"]
    for result in found:
        lines += ["", f"{result['name']}: {result['figure']}, threshold {result['threshold']:.3g}", ""]
        lines += ["| | chains | steps | % | 95% |", "| --- | --: | --: | --: | --- |"]
        lines.append(_row("all", result["overall"]))
        lines += [_row(f"{tag}: {v}", f) for tag, rows in result["groups"].items() for v, f in rows.items()]
        lines.append(_row("AUROC over steps", result["auroc"]))
        best = result["best"]
        lines += [
            "",
            f"With the threshold that is best on these very rows ({best['threshold']:.3g}), which is no result: "
            f"{percent(best['value'])}.",
        ]
    return "\n".join(lines)


def _row(name: str, figure: dict[str, Any]) -> str:
    ends = f"{percent(figure['low'])} to {percent(figure['high'])}"
    cells = (name.replace("|", "/"), str(figure["chains"]), str(figure["steps"]), percent(figure["value"]), ends)
    return f"| {' | '.join(cells)} |"
