"""What a config describes, made: class paths and their arguments become objects, without a trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser

from lit_mstar.front.errors import parse_error


def instantiate(kinds: Mapping[str, type], described: Mapping[str, Any]) -> Any:
    """Objects of described classes, as attributes of the result; nothing is loaded that a constructor does not load.

    Args:
        kinds: What each is to be, by name: a class, or one that it must be derived from.
        described: `class_path` and `init_args` of each, as in YAML; other names are passed over.

    Raises:
        ValueError: If a class or an argument is wrong.
    """
    parser = ArgumentParser(exit_on_error=False)
    for name, kind in kinds.items():
        parser.add_subclass_arguments(kind, name)
    try:
        return parser.instantiate(parser.parse_object({name: described[name] for name in kinds}))
    except ArgumentError as error:
        raise ValueError(parse_error(str(error.message))) from error
