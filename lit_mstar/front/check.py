"""Mistakes in a command and its configs that can be seen without importing anything: files, keys, classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from lit_mstar.front.definitions import Definition, find
from lit_mstar.front.described import class_path, data_class, init_args, known_options, meant, require_class
from lit_mstar.front.inputs import check_checkpoint, check_inputs, nearest
from lit_mstar.front.recipe import merged, read_config

SUBCOMMANDS = ("fit", "validate", "test", "predict", "annotate")
OPTIONS = {
    *("config", "seed_everything", "trainer", "model", "data", "threads", "out", "overwrite", "ckpt_path"),
    *("weights_only", "print_config", "help", "h", "verbose", "return_predictions", *SUBCOMMANDS),
}
_CLASSES = ("model", "data", "trainer.callbacks", "trainer.logger")  # options whose values may be a class's name
_TRAINER = "lightning.pytorch.Trainer"


@dataclass
class Command:
    """The options of a command line.

    Args:
        configs: Files given by `--config`.
        options: Others, as pairs of name and value: ("trainer.max_epochs", "3").
        loose: Words that follow no option.
    """

    configs: list[Path] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)


def read_command(args: Sequence[str]) -> Command:
    """Reads what follows the subcommand."""
    found = Command()
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            found.loose.append(word)
            continue
        name, given, value = word.removeprefix("--").partition("=")
        if not given and rest and not rest[0].startswith("--"):
            value = rest.pop(0)
        if name == "config":
            found.configs.append(Path(value))
        else:
            found.options.append((name, value))
    return found


def check_command(subcommand: str, args: Sequence[str]) -> None:
    """Refuses what a subcommand could not run.

    Raises:
        ValueError: With the first mistake, where it stands, and what was meant.
    """
    if not args:
        raise ValueError(f"A model and data are wanted: --config FILE. lit-mstar {subcommand} --help has examples.")
    command = read_command(args)
    for word in command.loose:
        also = f" Did you mean '--config {word}'?" if Path(word).suffix in (".yaml", ".yml") else ""
        raise ValueError(f"{word!r} follows no option.{also}")
    config = check_configs(command.configs)
    for name, value in command.options:
        _check_option(name, value, config, f"--{name}")
        if (subcommand, name) == ("fit", "ckpt_path"):
            check_checkpoint(value)
    changed = {name.partition(".")[0] for name, _ in command.options}
    for part in ("trainer", "model", "data"):
        if subcommand in ("fit", "annotate") and not changed & {part, "print_config"}:
            check_inputs(config.get(part), part)


def check_configs(files: Sequence[Path]) -> dict[str, Any]:
    """Reads configs that are laid over each other; refuses unknown keys and classes.

    Raises:
        ValueError: If a file is missing or no config, or names what does not exist.
    """
    for file in files:
        if file.is_dir():
            raise ValueError(f"--config {file} is a folder; name a file in it, or run all stages: lit-mstar run {file}")
        if not file.is_file():
            raise ValueError(f"--config {file}: there is no such file.{nearest(file)}")
    configs = [read_config(file) for file in files]
    whole: dict[str, Any] = reduce(merged, configs, {})
    for file, config in zip(files, configs, strict=True):
        for key, value in config.items():
            name = str(key).removesuffix("+")
            if name not in OPTIONS:
                raise ValueError(f"{file}: there is no option {name!r}.{meant(name, OPTIONS)}")
            _check(value, whole.get(name), find(_TRAINER) if name == "trainer" else None, f"{file}: {name}")
    return whole


def _check(value: Any, whole: Any, definition: Definition | None, where: str) -> None:
    """Looks at a value; `whole` is the same with what other configs say of it, `definition` what it must fit."""
    for number, item in enumerate(value if isinstance(value, list) else ()):
        _check(item, item, None, f"{where}[{number}]")
    if not isinstance(value, Mapping):
        return
    if described := class_path(value) or class_path(whole):
        definition = require_class(described, where)
        value, whole = init_args(value), init_args(whole)
    known = known_options(definition)
    for key, item in value.items():
        name = str(key).removesuffix("+")
        if known is not None and definition and name not in known:
            raise ValueError(f"{where}: {definition.node.name} has no option {name!r}.{meant(name, known)}")
        inner = data_class(definition, known[name]) if known and definition else None
        _check(item, whole.get(name) if isinstance(whole, Mapping) else None, inner, f"{where}.{name}")


def _check_option(name: str, value: str, config: Mapping[str, Any], where: str) -> None:
    """Looks at an option of the command line: `--data.batch_size`."""
    first, *path = name.removesuffix("+").split(".")
    if first not in OPTIONS:
        raise ValueError(f"{where}: there is no such option.{meant(first, OPTIONS)}")
    below: Any = config.get(first)
    definition = find(_TRAINER) if first == "trainer" else None
    for part in path:
        if part in ("class_path", "init_args", "dict_kwargs", "help"):
            continue
        if described := class_path(below):
            definition, below = require_class(described, where), init_args(below)
        if definition is None or (known := known_options(definition)) is None:
            return
        if part not in known:
            raise ValueError(f"{where}: {definition.node.name} has no option {part!r}.{meant(part, known)}")
        below = below.get(part) if isinstance(below, Mapping) else None
        definition = data_class(definition, known[part])
    if name.removesuffix("+") in _CLASSES and "." in value and not Path(value).exists():
        require_class(value, where)
