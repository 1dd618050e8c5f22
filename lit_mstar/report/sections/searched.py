"""Every temperature search of a run, with its errors and what was taken."""

from __future__ import annotations

from collections.abc import Sequence

from lit_mstar.charts.searches import Search, search_figure
from lit_mstar.report.sections.chart import Chart, chart
from lit_mstar.report.sections.headline import share
from lit_mstar.report.tally import Tally


def searches(found: Sequence[Tally]) -> list[Chart]:
    """Every temperature search, with its errors and what was taken."""
    return [_search_chart(tally, search) for tally in found if (search := search_of(tally)) is not None]


def search_of(tally: Tally) -> Search | None:
    """The search at the end of an iteration, from its measures; None where there was none."""
    metrics = tally.metrics
    kinds = {name.split("/")[1] for name in metrics if name.startswith("balance/") and "/T=" in name}
    kind = next(iter(sorted(kinds - {"standard_error", "threshold", "problems"})), None)
    if kind is None or "next_temperature" not in metrics:
        return None
    prefix = f"balance/{kind}/T="
    grid = sorted(float(name.removeprefix(prefix)) for name in metrics if name.startswith(prefix))
    values, errors = ([metrics.get(f"balance/{n}/T={t:g}", 0.0) for t in grid] for n in (kind, "standard_error"))
    before = metrics.get("temperature", tally.header.get("sampling", {}).get("temperature", 1.0))
    title = kind.replace("reward_pass_at_", "Reward-Pass@").replace("pass_at_", "Pass@").replace("_", " ")
    counts = [int(metrics.get(f"balance/problems/T={t:g}", 0)) for t in grid]
    return Search(grid, values, errors, before, metrics["next_temperature"], title, counts if any(counts) else ())


def _search_chart(tally: Tally, search: Search) -> Chart:
    metrics = tally.metrics
    close = int(metrics.get("balance/close", 0))
    left = search.dropped.count(False)
    note = f"{search.before:g} → {search.chosen:g}; {close} of {left} within one standard error of the best"
    if left < len(search.grid):
        note += f"; {len(search.grid) - left} dropped after fewer problems"
    head = ("temperature", search.title, "standard error", *(["problems"] if search.problems else []))
    counts = [[str(count)] for count in search.problems] or [[] for _ in search.grid]
    measured = zip(*search[:3], counts, strict=True)
    rows = [[f"{t:g}", share(v), f"± {100 * e:.1f}", *count] for t, v, e, count in measured]
    return chart(f"After iteration {tally.index}", note, search_figure(search), head, rows)
