"""`lit-mstar compare`: two models on the same problems."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from lit_mstar.evaluation.comparison import compare, show
from lit_mstar.files import atomic


def main(args: list[str]) -> None:
    """Prints the paired differences between two results folders."""
    parser = argparse.ArgumentParser(
        prog="lit-mstar compare",
        description="Second minus first on the problems that both were asked, with 95% intervals.",
    )
    parser.add_argument("first", type=Path, help="a folder that `lit-mstar test` wrote: results/<model>")
    parser.add_argument("second", type=Path, help="another")
    parser.add_argument("--json", type=Path, help="a file for the same as values")
    options = parser.parse_args(args)
    try:
        rows = compare(options.first, options.second)
    except ValueError as error:
        sys.exit(f"lit-mstar compare: {error}")
    print(show(options.first.name, options.second.name, rows))
    if options.json:
        with atomic(options.json) as partial:
            partial.write_text(json.dumps(rows, indent=1))
