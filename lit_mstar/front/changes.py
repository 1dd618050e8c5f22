"""What in a stage's config decides its result, and how that differs between two days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple

from lit_mstar.front.recipe import merged

Config = dict[str, Any]

# Where it runs, and what is shown meanwhile.
_PLACE = {"accelerator", "devices", "enable_progress_bar", "log_every_n_steps", "logger", "num_nodes", "strategy"}
_IGNORED = {("threads",), *(("trainer", name) for name in _PLACE)}
_ABSENT = "(none)"
_LONGEST = 60  # characters of a value that are shown


class Difference(NamedTuple):
    """A key and its values; "(none)" where it is not said."""

    key: str
    before: Any
    today: Any

    def __str__(self) -> str:
        return f"{self.key}: {_short(self.before)} -> {_short(self.today)}"


def differences(before: Sequence[Config], today: Sequence[Config]) -> list[Difference]:
    """Where two stacks of configs, the last on top, say something else that decides a stage's result."""
    old, new = (dict(leaves(reduce(merged, stack, {}))) for stack in (before, today))
    keys = [*old, *(key for key in new if key not in old)]
    pairs = ((key, old.get(key, _ABSENT), new.get(key, _ABSENT)) for key in keys)
    return [Difference(".".join(key), a, b) for key, a, b in pairs if a != b]


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of a config that is no mapping or list, or an empty one, by the path that leads to it.

    What says where a run is, and what is shown meanwhile, is left out.
    """
    if any(path[: len(ignored)] == ignored for ignored in _IGNORED):
        return
    parts: Any = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = ((_name(item, number), item) for number, item in enumerate(value))
    for key, part in parts:
        if key != "init_args":
            yield from leaves(part, (*path, str(key)))
        else:
            yield from leaves(part, path)  # as on the command line
    if not parts:
        yield path, value


def _name(item: Any, number: int) -> str:
    """Of a list's item: its class, where it has one, so that one more callback is one difference."""
    described = item.get("class_path") if isinstance(item, dict) else None
    return str(described).rpartition(".")[2] if described else str(number)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
