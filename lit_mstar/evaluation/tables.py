"""Results as Markdown: the paper's columns and their mean, then each benchmark's groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lit_mstar.evaluation.figures import mean_of
from lit_mstar.evaluation.published import published_rows

Result = Mapping[str, Any]


def markdown(model: str, results: Sequence[Result]) -> str:
    """All tables of a model's results."""
    there = [result for result in results if result.get("accuracy")]
    parts = [f"# {model}", summary(model, there), details(there), *(groups(result) for result in there)]
    parts += [several(there)] if any(result.get("sampled") for result in there) else []
    parts += [f"{result['name']}: {result['note']}." for result in results if result.get("note")]
    return "\n\n".join(part for part in parts if part)


def summary(model: str, results: Sequence[Result]) -> str:
    """The paper's table: a column for each benchmark and their mean; published rows with such columns below ours."""
    names = [result["name"] for result in results]
    lines = [_row(["", *names, "mean"]), _row(["---", *["--:"] * (len(names) + 1)])]
    if mean := mean_of(results):
        lines.append(
            _row([f"**{model}**", *(interval(figure) for figure in [*(r["accuracy"] for r in results), mean])])
        )
    differs: dict[str, None] = {}
    for row in published_rows():
        found = [row["figures"].get(name) for name in names]
        if any(value is not None for value in found):
            cells = ["–" if value is None else f"{value:.1f}" for value in found]
            cells.append(f"{sum(found) / len(found):.1f}" if None not in found else "–")
            lines.append(_row([f"{row['model']} (published)", *cells]))
            differs[f"Published rows: {row['source']}; {row['differs']}."] = None
    return "\n".join([*lines, *("\n" + line for line in differs)])


def details(results: Sequence[Result]) -> str:
    """By which rule, what ours says, what the rest of the rows say, and what could not be counted."""
    head = [
        "",
        "rows",
        "rule",
        "official, %",
        "ours, %",
        "circular, %",
        "all rows, %",
        "no answer, %",
        "cut, %",
        "tokens",
    ]
    lines = [_row(head), _row(["---", "--:", "---", *["--:"] * (len(head) - 3)])]
    for result in results:
        accuracy = result["accuracy"]
        beside = [percent(result[name]["value"]) if result.get(name) else "" for name in ("circular", "all_rows")]
        used = "" if result["tokens"] is None else f"{result['tokens']:.0f}"
        cells = [percent(accuracy["value"]), percent(accuracy["ours"]), *beside]
        cells += [percent(result["no_answer"]), percent(result["cut"]), used]
        lines.append(_row([result["name"], str(accuracy["n"]), result["rule"], *cells]))
    return "\n".join(lines)


def groups(result: Result) -> str:
    """A benchmark's accuracy by its groups."""
    lines = []
    for tag, values in result.get("groups", {}).items():
        lines += [_row([f"{result['name']}, {tag}", "rows", "official, %", "95%", "ours, %"])]
        lines += [_row(["---", "--:", "--:", "---", "--:"])]
        for value, figure in values.items():
            ends = f"{percent(figure['low'])} to {percent(figure['high'])}"
            lines.append(_row([value, str(figure["n"]), percent(figure["value"]), ends, percent(figure["ours"])]))
        lines.append("")
    return "\n".join(lines).strip()


def several(results: Sequence[Result]) -> str:
    """What several responses to a problem add."""
    names = list(dict.fromkeys(name for result in results for name in result.get("sampled", {})))
    lines = [_row(["several responses, %", *names]), _row(["---", *["--:"] * len(names)])]
    for result in results:
        found = result.get("sampled", {})
        lines.append(_row([result["name"], *(percent(found[n]["value"]) if n in found else "" for n in names)]))
    return "\n".join(lines)


def interval(figure: Mapping[str, Any]) -> str:
    """A share in percent with the ends of its interval."""
    return f"{percent(figure['value'])} [{percent(figure['low'])}, {percent(figure['high'])}]"


def percent(share: float) -> str:
    """A share in percent, with one decimal place."""
    return f"{100 * share:.1f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
