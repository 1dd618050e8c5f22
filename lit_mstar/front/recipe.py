"""A recipe says each thing once: its `recipe.yaml` holds what several of its stages need, and they refer to it.

    source: $(source)                     the value itself, of any type
    path: $(runs)/1-warmup/model          within a text
    max_tokens: $(lengths.response)       a part of a value
    source: {$(source): {init_args: {limit: 100}}}    the value with changes

`$(folder)` is the name of the folder that the stage is in, `$(stage)` that of its file: 4-evolve. A folder without
`recipe.yaml` is a recipe as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import get_loader, set_loader

from lit_mstar.front.described import meant

FILE = "recipe.yaml"
MODE = "recipe"  # jsonargparse's name for a parser that reads configs as here
_REFERENCE = re.compile(r"\$\(([^()\s]+)\)")
_DEPTH = 20  # references behind references, ours; more is a circle


def read_config(file: Path) -> dict[str, Any]:
    """A config file with what it refers to filled in.

    Raises:
        ValueError: If it is no YAML mapping, or refers to what its recipe does not say.
    """
    try:
        config = load(file.read_text(encoding="utf-8"), str(file))
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8 ({error.reason} at byte {error.start}).") from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"{file}{line}: no YAML ({error.context or 'reading'}: {error.problem}).") from None
    except yaml.YAMLError as error:  # what it says of bytes that no text has
        raise ValueError(f"{file}: no YAML ({' '.join(str(error).split())}).") from None
    if not isinstance(config, dict):
        raise ValueError(f"{file} is no stage config: it must be a mapping of keys to values.")
    return config


def load(stream: str, path: str = "") -> Any:
    """What a YAML text says, with its references filled in by the `recipe.yaml` beside it.

    Args:
        stream: The text; of a value on the command line, too.
        path: The file that it comes from, or nothing.

    Raises:
        ValueError: If a reference leads nowhere.
        yaml.YAMLError: If it is no YAML.
    """
    config = _yaml(stream)
    if not path or "$(" not in stream:
        return config
    return _Names(Path(path).absolute()).fill(config)


def merged(config: Any, overlay: Any) -> Any:
    """One config over another, as on the command line: the later wins; `name+` makes a list longer."""
    if not isinstance(config, dict) or not isinstance(overlay, dict):
        return overlay
    found = dict(config)
    for key, value in overlay.items():
        name = str(key).removesuffix("+")
        found[name] = [*(config.get(name) or []), *value] if name != key else merged(config.get(name), value)
    return found


class _Names:
    """What a stage may refer to."""

    def __init__(self, stage: Path) -> None:
        self.file = stage.parent / FILE
        said = _yaml(self.file.read_text(encoding="utf-8")) if self.file.is_file() else {}
        names: dict[str, Any] = {"folder": stage.parent.name, "stage": stage.stem}
        self.values = names | (said if isinstance(said, dict) else {})

    def fill(self, value: Any, depth: int = 0) -> Any:
        """The value without references."""
        if depth > _DEPTH:
            raise ValueError(f"{self.file}: {value!r} refers to itself; write what it is.")
        if isinstance(value, list):
            return [self.fill(item, depth) for item in value]
        if isinstance(value, dict):
            [key, *more] = value or [""]
            if not more and isinstance(value.get(key), Mapping) and (whole := _REFERENCE.fullmatch(str(key))):
                return merged(self._named(whole[1], depth), self.fill(value[key], depth))
            return {key: self.fill(item, depth) for key, item in value.items()}
        if not isinstance(value, str):
            return value
        if whole := _REFERENCE.fullmatch(value):
            return self._named(whole[1], depth)
        return _REFERENCE.sub(lambda match: str(self._named(match[1], depth)), value)

    def _named(self, name: str, depth: int) -> Any:
        found: Any = self.values
        for part in name.split("."):
            if not isinstance(found, Mapping) or part not in found:
                raise ValueError(self._unknown(name, part, found))
            found = found[part]
        return self.fill(deepcopy(found), depth + 1)

    def _unknown(self, name: str, part: str, found: Any) -> str:
        if not self.file.is_file():
            return f"$({name}) refers to {self.file}, which does not exist; copy it too, or write the value itself."
        known = [str(key) for key in found] if isinstance(found, Mapping) else []
        there = f"there is no {part!r}, only {', '.join(known) or 'a value'}."
        return f"$({name}) is not said in {self.file}: {there}{meant(part, known)}"


def _yaml(text: str) -> Any:
    return get_loader("yaml")(text)  # as jsonargparse reads configs: 1e-3 is a number


set_loader(MODE, load, exceptions=(yaml.YAMLError, ValueError))
