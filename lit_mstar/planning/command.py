"""`lit-mstar plan`: what a recipe will need on so many GPUs, and what to change if it does not fit."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from lit_mstar.files import atomic
from lit_mstar.front.parsers import parser_of
from lit_mstar.planning.advice import advice
from lit_mstar.planning.estimate import GB, estimate
from lit_mstar.planning.report import show, values
from lit_mstar.planning.stage import read_stages


def main(args: list[str]) -> None:
    """Prints the tables; ends with exit code 1 where a stage does not fit."""
    parser = parser_of("plan")
    options = parser.parse_args(args)
    if options.gpus < 1 or options.memory <= 0:
        parser.error(f"--gpus is {options.gpus} and --memory {options.memory}; both must be more than 0")
    fits = plan(options.recipe, options.gpus, options.memory * GB, options.config, options.json)
    sys.exit(0 if fits else 1)


def plan(recipe: Path, gpus: int, memory: float, overlays: list[Path], file: Path | None) -> bool:
    """Prints what a recipe needs; returns whether all stages fit.

    Args:
        recipe: Folder or config.
        gpus: How many.
        memory: Of each, in bytes.
        overlays: Laid over every stage.
        file: For the values as JSON, or None.

    Raises:
        ValueError: If a config or a model is not there.
    """
    stages = read_stages(recipe, overlays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constructors; none of them is what a user asked for
        found = [estimate(stage, gpus, memory, stages) for stage in stages]
        advised = {
            stage.name: advice(stage, one, gpus, memory, stages)
            for stage, one in zip(stages, found, strict=True)
            if one.most > memory
        }
    show(found, advised, gpus, memory)
    if file:
        with atomic(file) as partial:
            partial.write_text(json.dumps(values(found), indent=1))
    return not advised
