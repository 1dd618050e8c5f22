"""Results of step benchmarks: figures with intervals, by group, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lit_mstar.evaluation.step_figures import FIGURES, ScoredChain, auroc
from lit_mstar.evaluation.tables import percent


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
    counted = FIGURES[figure]
    best = counted.best_threshold(chains)
    found: dict[str, Any] = {
        "name": name,
        "figure": counted.title,
        "threshold": threshold,
        "overall": counted.with_interval(chains, threshold),
        "auroc": auroc(chains),
        "best": {"threshold": best, "value": counted(chains, best)},
        "groups": {},
    }
    for tag in groups:
        values = sorted({chain.tags[tag] for chain in chains if tag in chain.tags})
        found["groups"][tag] = {
            value: counted.with_interval([chain for chain in chains if chain.tags.get(tag) == value], threshold)
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
        best = result["best"]
        lines += [
            "",
            f"AUROC over steps: {result['auroc']:.3f}. With the threshold that is best on these very rows "
            f"({best['threshold']:.3g}), which is no result: {percent(best['value'])}.",
        ]
    return "\n".join(lines)


def _row(name: str, figure: dict[str, Any]) -> str:
    ends = f"{percent(figure['low'])} to {percent(figure['high'])}"
    cells = (name.replace("|", "/"), str(figure["chains"]), str(figure["steps"]), percent(figure["value"]), ends)
    return f"| {' | '.join(cells)} |"
