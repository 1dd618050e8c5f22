"""What a config describes: `class_path` and `init_args`, and the mappings that a data class is made of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lit_mstar.front.definitions import Definition, find, module_file, names_in, within


def class_path(value: Any) -> str | None:
    """The class that a value describes, if it does."""
    name = value.get("class_path") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else None


def init_args(value: Any) -> Mapping[str, Any]:
    """What the class is given."""
    inner = value.get("init_args") if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def known_options(definition: Definition | None) -> dict[str, str] | None:
    """The names that a definition takes, with their types as written; None where the files do not say."""
    parameters = definition.parameters() if definition else None
    return None if parameters is None else {parameter.name: parameter.annotation for parameter in parameters}


def data_class(owner: Definition, annotation: str) -> Definition | None:
    """The data class that an annotation names, whose keys a mapping must have; None for anything else."""
    found = within(owner.module, annotation.removesuffix(" | None"))
    marks = found.node.decorator_list if found else []
    return found if any("dataclass" in ast.unparse(mark) for mark in marks) else None


def require_class(name: str, where: str) -> Definition | None:
    """What a `class_path` names; None where the files do not say.

    Raises:
        ValueError: If there is no such module, or its source does not have the name.
    """
    if found := find(name):
        return found
    module, _, last = name.rpartition(".")
    top = name.partition(".")[0]
    if not module:
        return None
    if find_spec(top) is None:
        here = [file.stem for file in Path().glob("*.py")]
        raise ValueError(
            f"{where}: there is no module {top!r}, neither installed nor in this folder ({name}).{meant(top, here)}"
        )
    source = _source(module)
    if source is None or re.search(rf"\b{re.escape(last)}\b", source):
        return None
    raise ValueError(f"{where}: {module} has no {last!r}.{meant(last, names_in(module))}")


def meant(name: str, known: Iterable[str]) -> str:
    """A suggestion, to be put behind a message; nothing where none is near."""
    near = get_close_matches(name, list(known), 1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _source(module: str) -> str | None:
    """The text that names of a module stand in; None where others may come from elsewhere."""
    file = module_file(module)
    if file is None:
        return None
    text = file.read_text(encoding="utf-8")
    if (stub := file.with_suffix(".pyi")).is_file():
        return text + stub.read_text(encoding="utf-8")
    return None if "import *" in text or "__getattr__" in text else text
