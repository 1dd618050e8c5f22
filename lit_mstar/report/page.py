"""One page from templates: every text escaped, script and style inside, and a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from lit_mstar.files import atomic
from lit_mstar.report.browser.flags import FLAGS
from lit_mstar.report.browser.rows import packed
from lit_mstar.report.sections.chart import Chart
from lit_mstar.report.sections.costs import Part
from lit_mstar.report.sections.headline import Card


@dataclass
class Section:
    """Charts under a heading."""

    title: str
    charts: Sequence[Chart]
    note: str = ""


@dataclass
class Table:
    """A table under a heading."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass
class Page:
    """All that a page shows, in order; what is empty is left out.

    Args:
        title: Of the run.
        subtitle: What was run, on what, how far it is.
        cards: The numbers at the top.
        bars: What it cost: a name, and the parts of a bar.
        sections: The charts.
        tables: Tables after them.
        sets: Problems for the browser: {name, label, note, problems}.
        images: Their pictures.
        iterations: How each was sampled.
        stages: Each with its config.
        notes: What the page lacks, and why.
        watched: The page asks now and then whether there is something new.
    """

    title: str
    subtitle: Sequence[str] = ()
    cards: Sequence[Card] = ()
    bars: Sequence[tuple[str, Sequence[Part]]] = ()
    sections: Sequence[Section] = ()
    tables: Sequence[Table] = ()
    sets: Sequence[dict[str, Any]] = ()
    images: Sequence[str] = ()
    iterations: Sequence[dict[str, str]] = ()
    stages: Sequence[dict[str, Any]] = ()
    notes: list[str] = field(default_factory=list)
    watched: bool = False


def rendered(page: Page) -> str:
    """The page as HTML, in UTF-8; nothing in it comes from elsewhere."""
    script, style = (_own(name) for name in ("page.js", "page.css"))
    templates = Environment(
        loader=PackageLoader("lit_mstar.report", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    data = packed({"sets": page.sets, "images": page.images, "flags": [flag._asdict() for flag in FLAGS]})
    return templates.get_template("page.html").render(
        page=page,
        script=Markup(script),  # noqa: S704 - ours
        style=Markup(style),  # noqa: S704 - ours
        policy=_policy(script, page.watched),
        data=data,
        sampled=[[*row.values()] for row in page.iterations],
        svg=Markup,  # what the charts' own library wrote
    )


def write(page: Page, file: Path) -> None:
    """Writes the page."""
    with atomic(file) as partial:
        partial.write_text(rendered(page), encoding="utf-8")


def _own(name: str) -> str:
    return files("lit_mstar.report").joinpath(name).read_text(encoding="utf-8")


def _policy(script: str, watched: bool) -> str:
    """A content security policy: this script and no other, no network unless the page is served and watched."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    connects = "; connect-src 'self'" if watched else ""
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'{connects}"
