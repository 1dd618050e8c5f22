"""`lit-mstar report`: one HTML file from a run, or from several side by side."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from lit_mstar.front.definitions import search_here
from lit_mstar.front.parsers import parser_of
from lit_mstar.report.comparison import page_of_many
from lit_mstar.report.page import Page, write
from lit_mstar.report.run import find_run
from lit_mstar.report.single import page_of
from lit_mstar.report.watch import watch


def main(args: list[str]) -> None:
    """Writes the page, or serves it as long as nobody stops it."""
    options = parser_of("report").parse_args(args)
    search_here()  # where a source of one's own may be
    if options.watch:
        watch(lambda: made(options.run, not options.no_source, watched=True), options.run, options.port)
        return
    out = options.out or (options.run[0] / "report.html")
    with Console(stderr=True).status(f"Reading {', '.join(map(str, options.run))} …"):  # shown on a terminal only
        write(made(options.run, not options.no_source), out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def made(folders: list[Path], sources: bool = True, watched: bool = False) -> Page:
    """The page of a run, or of several.

    Args:
        folders: Of the runs.
        sources: Read problems from the sources that the runs' configs name.
        watched: It will be served.

    Raises:
        ValueError: If a folder holds no run.
    """
    runs = [find_run(folder) for folder in folders]
    return page_of(runs[0], sources, watched) if len(runs) == 1 else page_of_many(runs, sources, watched)
