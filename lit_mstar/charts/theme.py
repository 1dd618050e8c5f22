"""The look of charts: few colours, each with a meaning, and SVG that takes them from the page it stands in."""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

GOOD, OTHER, BAD, THIRD, FOURTH = "#20704b", "#a8551c", "#b03a3a", "#3a5fa0", "#7a4796"
INK, QUIET, LINE, PAPER = "#1c2230", "#5b6472", "#dcd9d1", "#fffffe"
SERIES = (GOOD, OTHER, THIRD, FOURTH)
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)))  # nothing is told by its colour alone

# Which property of the page each colour becomes.
_VARIABLES = {
    GOOD: "good",
    OTHER: "other",
    BAD: "bad",
    THIRD: "third",
    FOURTH: "fourth",
    INK: "ink",
    QUIET: "quiet",
    LINE: "line",
    PAPER: "card",
}
_STYLE: Any = {
    "font.size": 10,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "text.parse_math": False,  # a model's dollar signs are dollar signs
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and copied
}
SIZE = (3.5, 2.4)  # inches; at 72 points each about the width of a phone


def styled() -> Any:
    """A context in which figures are drawn and saved as here."""
    return rc_context(_STYLE)


def blank(size: tuple[float, float] = SIZE) -> tuple[Figure, Any]:
    """An empty figure and its axes; to be drawn on within `styled`."""
    figure = Figure(figsize=size, layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    return figure, axes


def svg(figure: Figure, name: str) -> str:
    """A figure as an `<svg>` element whose colours are the page's (`--good`, `--ink`, …), for one page's use.

    Args:
        figure: Drawn in the colours above, within `styled`.
        name: What it shows, for those who cannot see it; also tells its ids from those of the page's other charts.
    """
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = re.sub(r".*?<svg", "<svg", buffer.getvalue(), count=1, flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[a-zA-Z]+[a-zA-Z0-9.]*_\d+"', "", text)  # names of parts, the same in every figure
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    text = re.sub(r"font: ([^;\"]*?)'[^;\"]*", r"font: \1var(--font)", text)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r">\s+<", "><", text)
    return text.strip().replace("<svg", f'<svg role="img" aria-label="{escape(name, quote=True)}"', 1)
