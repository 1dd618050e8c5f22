"""`lit-mstar init`: a recipe for a data set of one's own, filled in by a look at the data."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from lit_mstar.data.inspection.command import column_names, load_encoder, quiet_statistics
from lit_mstar.data.inspection.described import Described, described, made
from lit_mstar.data.inspection.statistics import SplitStatistics, Statistics
from lit_mstar.data.inspection.tables import show
from lit_mstar.front.parsers import parser_of
from lit_mstar.front.recipe import FILE

_TOKENS = 1024  # of a response where no worked solution says how long it may be
_HELD_OUT = (0.1, 200, 100)  # a share of the problems, at most so many to test and to validate; ours
_TRIAL = 16  # problems of a split in the trial


@dataclass(frozen=True)
class Found:
    """What goes into the recipe."""

    source: Described
    model: str
    tokens: int
    max_images: int
    context: int
    labelled: int


def main(args: list[str]) -> None:
    """Looks at the data, and writes the recipe."""
    options = parser_of("init").parse_args(args)
    init(options)


def init(options: argparse.Namespace) -> None:
    """Writes the recipe, unless the data cannot be used.

    Raises:
        ValueError: If the folder exists, or the data have no problem that can be used.
    """
    folder: Path = options.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists; give another folder, or remove it.")
    source = _whole(options)
    encoder, name = load_encoder({"path": options.model})
    rows = made(source)
    found = quiet_statistics(rows, encoder, name)
    show(found, Console(highlight=False))
    train = found.splits.get("train")
    if train is None or not train.problems:
        raise ValueError("\n".join(["There is no problem to train on.", *found.failed.values()]))
    if any(one.dropped for one in found.splits.values()) and hasattr(rows, "most_bad"):
        source = _with(source, on_bad_row="skip")
    limits = {"limit": _TRIAL} if hasattr(rows, "limit") else {}
    source = _held_out(source, found, folder)
    filled = _filled(source, options.model, found, encoder)
    template = _template()
    _write(template, folder, filled, trial=False)
    small = options.trial_model or "HuggingFaceTB/SmolVLM-256M-Instruct"
    _write(template.joinpath("trial"), folder / "trial", _for_trial(filled, small, limits), trial=True)
    print(_next(folder, len(train.dropped)))


def _whole(options: argparse.Namespace) -> Described:
    source, _ = described(options.data, column_names(options.columns))
    more = {split: str(path) for split in ("validate", "test") if (path := getattr(options, split))}
    return _with(source, **more)


def _held_out(source: Described, found: Statistics, folder: Path) -> Described:
    """The source, divided where it has nothing to validate or to test with."""
    train = found.splits["train"]
    missing = [split for split in ("validate", "test") if split not in found.splits]
    if not missing:
        return source
    share, test, validate = _HELD_OUT
    each = max(1, int(share * train.problems))
    if train.problems < 5:
        raise ValueError(
            f"There are {train.problems} training problems and no {missing[0]!r} ones; give --{missing[0]} FILE."
        )
    numbers = {"test": min(test, each), "validate": min(validate, each)}
    held = {split: number if split in missing else 0 for split, number in numbers.items()}
    division = {"division": str(folder / "division.json")}
    return {"class_path": "lit_mstar.data.SplitSource", "init_args": {"source": source, **held, **division}}


def _filled(source: Described, model: str, found: Statistics, encoder: Any) -> Found:
    splits = list(found.splits.values())
    longest = max((one.prompts.most for one in splits if one.prompts), default=0)
    tokens = _response_tokens(splits)
    context = _rounded_up(longest + tokens, 1024) if encoder else 8192
    images = max((count for one in splits for count in one.images), default=1)
    return Found(source, model, tokens, max(1, images), context, min(50_000, found.splits["train"].problems))


def _response_tokens(splits: list[SplitStatistics]) -> int:
    """Room for half as much again as the longest worked solutions; what is usual where there are none."""
    solutions = [one.reasoning.most for one in splits if one.reasoning]
    return max(256, _rounded_up(1.5 * max(solutions), 128)) if solutions else _TOKENS


def _for_trial(filled: Found, model: str, limits: dict[str, int]) -> Found:
    inner = filled.source
    if inner["class_path"].endswith("SplitSource"):
        options = inner["init_args"]
        division = options["division"].replace("division.json", "trial/division.json")
        limited = _with(options["source"], **{name: 3 * limit for name, limit in limits.items()})
        held = {split: min(8, options[split]) for split in ("test", "validate")}
        source = _with(inner, source=limited, division=division, **held)
    else:
        source = _with(inner, **limits)
    return Found(source, model, 128, filled.max_images, filled.context, 8)


def _with(source: Described, /, **options: Any) -> Described:
    """A source with further arguments."""
    return source | {"init_args": source.get("init_args", {}) | options} if options else source


def _template() -> Traversable:
    """The recipe `configs/your-data`, which a wheel holds, and a checkout has beside the package."""
    package = files("lit_mstar")
    installed = package.joinpath("your_data")
    return installed if installed.is_dir() else package.joinpath("..", "configs", "your-data")


def _write(template: Traversable, folder: Path, filled: Found, trial: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in template.iterdir():
        if file.name.endswith(".yaml"):
            text = file.read_text(encoding="utf-8")
            (folder / file.name).write_text(_fill(text, filled, folder, trial) if file.name == FILE else text)


def _fill(text: str, filled: Found, folder: Path, trial: bool) -> str:
    """The recipe's text with the values in their places; comments stay."""
    block = yaml.safe_dump({"source": filled.source}, sort_keys=False, allow_unicode=True)
    runs = f"runs/{folder.parent.name}-trial" if trial else "runs/$(folder)"
    replaced = {
        r"(?ms)^source:.*?(?=^\S)": f"{block}\n",
        r"(?m)^runs: \S+": f"runs: {runs}",
        r"(?m)^(      path: ).*$": rf"\g<1>{filled.model}",
        r"(?m)^tokens: \d+": f"tokens: {filled.tokens}",
        r"(?m)^labelled: \d+": f"labelled: {filled.labelled}",
        r"(?m)^(    max_images: )\d+": rf"\g<1>{filled.max_images}",
        r"(?m)^(    max_model_len: )\d+": rf"\g<1>{filled.context}",
        r"configs/your-data": str(folder.parent if trial else folder),
    }
    for pattern, value in replaced.items():
        text = re.sub(pattern, value.replace("\\", "\\\\") if "\\g" not in value else value, text)
    return text


def _next(folder: Path, dropped: int) -> str:
    lines = [f"{folder} is written. {dropped} training rows cannot be used." if dropped else f"{folder} is written."]
    following = {
        f"lit-mstar data stats {folder} --html {folder}/data.html": "look at examples, as the model gets them",
        f"lit-mstar run {folder}/trial": "a few problems on a CPU",
        f"lit-mstar plan {folder} --gpus 8": "does it fit?",
        f"lit-mstar run {folder}": "all stages",
    }
    width = max(map(len, following))
    return "\n".join([*lines, *(f"  {command:<{width}}  # {why}" for command, why in following.items())])


def _rounded_up(value: float, step: int) -> int:
    return int(-(-value // step) * step)
