"""`lit-mstar data stats`: a look at the data before a run."""

from __future__ import annotations

import argparse
import json
import warnings
from typing import Any

from rich.console import Console

from lit_mstar.data.inspection.described import described, made
from lit_mstar.data.inspection.page import examples, write_page
from lit_mstar.data.inspection.statistics import Statistics, statistics
from lit_mstar.data.inspection.tables import show, values
from lit_mstar.data.sources.source import ProblemSource
from lit_mstar.files import atomic
from lit_mstar.front.definitions import search_here
from lit_mstar.front.parsers import parser_of
from lit_mstar.models.backbone import Backbone


def main(args: list[str]) -> None:
    """Prints a source's statistics, and writes a page of examples where one is asked for."""
    options = parser_of("data").parse_args(args)
    search_here()  # where a source of one's own may be
    _stats(options)


def column_names(pairs: list[str]) -> dict[str, Any]:
    """Names of columns as given on the command line: `images=left,right` is a list.

    Raises:
        ValueError: If one is no pair.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not equals or not column:
            raise ValueError(f"--columns {pair!r} is no pair; write FIELD=COLUMN, such as question=query.")
        found[name] = column.split(",") if "," in column or name == "tags" else column
    return found


def load_encoder(model: dict[str, Any]) -> tuple[Any, str | None]:
    """A model's encoder and name; none, with a warning, where its processor is not to be had.

    Args:
        model: Arguments of `Backbone`; without a path there is no model.
    """
    if not (path := model.get("path")):
        return None, None
    try:
        return Backbone(**model).encoder, path
    except Exception as error:  # whatever a hub or a processor raises
        warnings.warn(f"{path} cannot be asked ({error}); lengths are those of the texts.", stacklevel=2)
        return None, None


def quiet_statistics(source: ProblemSource, encoder: Any, name: str | None) -> Statistics:
    """Statistics without warnings of bad rows: they are in them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return statistics(source, encoder, name)


def _stats(options: argparse.Namespace) -> None:
    source, model = described(options.source, column_names(options.columns))
    encoder, name = load_encoder(model | ({"path": options.model} if options.model else {}))
    found = quiet_statistics(made(source), encoder, name)
    if not found.splits:
        raise ValueError("\n".join([f"{options.source} has no problems.", *found.failed.values()]))
    show(found, Console(highlight=False, soft_wrap=False))
    if options.json:
        with atomic(options.json) as partial:
            partial.write_text(json.dumps(values(found), indent=1, ensure_ascii=False, default=str))
    if options.html:
        shown = examples(found.problems, encoder, options.examples, options.run)
        write_page(options.html, str(options.source), found, shown)
        print(f"{options.html}: {len(shown)} examples")
