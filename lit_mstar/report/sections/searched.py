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
    kind = next(iter(sorted(kinds - {"standard_error", "threshold"})), None)
    if kind is None or "next_temperature" not in metrics:
        return None
    prefix = f"balance/{kind}/T="
    grid = sorted(float(name.removeprefix(prefix)) for name in metrics if name.startswith(prefix))
    values, errors = ([metrics.get(f"balance/{n}/T={t:g}", 0.0) for t in grid] for n in (kind, "standard_error"))
    before = metrics.get("temperature", tally.header.get("sampling", {}).get("temperature", 1.0))
    title = kind.replace("reward_pass_at_", "Reward-Pass@").replace("pass_at_", "Pass@").replace("_", " ")
    return Search(grid, values, errors, before, metrics["next_temperature"], title)


def _search_chart(tally: Tally, search: Search) -> Chart:
    metrics = tally.metrics
    close = int(metrics.get("balance/close", 0))
    note = f"{search.before:g} → {search.chosen:g}; {close} of {len(search.grid)} within one standard error of the best"
    rows = [[f"{t:g}", share(v), f"± {100 * e:.1f}"] for t, v, e in zip(*search[:3], strict=True)]
    figure = search_figure(search)
    return chart(f"After iteration {tally.index}", note, figure, ("temperature", search.title, "standard error"), rows)
