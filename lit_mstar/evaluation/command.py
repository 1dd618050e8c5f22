"""`lit-mstar compare`: two models on the same problems."""

from __future__ import annotations

import json

from lit_mstar.evaluation.comparison import compare, show
from lit_mstar.files import atomic
from lit_mstar.front.parsers import parser_of


def main(args: list[str]) -> None:
    """Prints the paired differences between two results folders."""
    options = parser_of("compare").parse_args(args)
    rows = compare(options.first, options.second)
    print(show(options.first.name, options.second.name, rows))
    if options.json:
        with atomic(options.json) as partial:
            partial.write_text(json.dumps(rows, indent=1))
