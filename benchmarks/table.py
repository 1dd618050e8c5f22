"""The rows of `benchmarks/pairs.py`, collected: `speed.jsonl`, and `speed.md` as a table for people.

python benchmarks/table.py benchmarks/results/speed.jsonl       # writes speed.md beside it anew
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_KNOWN = ("what", "peer", "ours", "theirs", "ratio", "spread", "bar", "pairs", "versions", "command", "better")


def met(row: dict[str, Any]) -> bool:
    """Whether the ratio holds the bar: at least the bar where more is better, at most the bar otherwise."""
    reached: bool = row["ratio"] >= row["bar"] if row["better"] == "more" else row["ratio"] <= row["bar"]
    return reached


def rows_of(text: str, command: str) -> list[dict[str, Any]]:
    """The rows among the lines that a script printed, each with the command that made it."""
    found = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # progress, warnings, tables for people
        if isinstance(row, dict) and {"what", "ratio", "bar"} <= row.keys():
            found.append(row | {"command": command})
    return found


def failed(command: str, said: str) -> dict[str, Any]:
    """What stands in the place of the rows of a script that did not end well; `said` is the end of what it said."""
    lines = said.strip().splitlines()
    return {"command": command, "failed": lines[-1] if lines else "it said nothing"}


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table, the scripts that failed, and then what each row was measured with."""
    whole = [row for row in rows if "failed" not in row]
    lines = [
        "| what | peer | ours | theirs | ratio (lowest to highest) | bar | |",
        "|---|---|--:|--:|--:|--:|---|",
        *(_line(row) for row in whole),
        "",
        *(f"- failed: `{row['command']}`: {row['failed']}" for row in rows if "failed" in row),
        "",
        "Ratios are ours over theirs, medians over pairs measured in turns in the same run.",
        f"Machine: {machine()}.",
        "",
        *(f"- {row['what']}: {_details(row)}" for row in whole),
    ]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """What this runs on, for people."""
    return f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {platform.system()}"


def _line(row: dict[str, Any]) -> str:
    low, high = row["spread"]
    sign = "≥" if row["better"] == "more" else "≤"
    ratio = f"{row['ratio']:.3g} ({low:.3g} to {high:.3g})"
    size = row.get("size", "")
    what = row["what"] if size in row["what"] else f"{row['what']}, {size}"
    cells = (what, row["peer"], _number(row["ours"]), _number(row["theirs"]), ratio, f"{sign} {row['bar']:g}")
    return f"| {' | '.join(cells)} | {'met' if met(row) else '**not met**'} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _details(row: dict[str, Any]) -> str:
    about = [f"{name} {value}" for name, value in row.items() if name not in _KNOWN]
    versions = [f"{name} {value}" for name, value in row["versions"].items()]
    return f"`{row['command']}`; {row['pairs']} pairs; {', '.join([*about, *versions])}"


def _script(row: dict[str, Any]) -> str:
    return str(row["command"]).split()[0]


def write(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Writes both files; rows of scripts that were not measured this time stay."""
    folder.mkdir(parents=True, exist_ok=True)
    file, new = folder / "speed.jsonl", {_script(row) for row in rows}
    earlier = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    rows = [*(row for row in earlier if _script(row) not in new), *rows]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "speed.md").write_text(markdown(rows))


if __name__ == "__main__":
    file = Path(sys.argv[1])
    write([json.loads(line) for line in file.read_text().splitlines()], file.parent)
