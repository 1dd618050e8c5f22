"""Classes and functions as their files define them: parsed, never run, so that help and checks need no imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

_LAZY = ("lit_mstar",)  # packages that may be imported: they load nothing
_DEPTH = 12  # imports behind imports
_REQUIRED = "required"


@dataclass(frozen=True)
class Parameter:
    """An argument: its type and default as they are written, "" and "required" where there are none."""

    name: str
    annotation: str
    default: str


@dataclass(frozen=True)
class Definition:
    """A class or function, and the module that it stands in."""

    node: ast.ClassDef | ast.FunctionDef
    module: str

    @property
    def doc(self) -> str:
        """Its docstring."""
        return ast.get_docstring(self.node) or ""

    def parameters(self) -> list[Parameter] | None:
        """What it may be constructed with, those of base classes included; None where the files do not say."""
        found = _parameters(self, 0)
        return None if found is None or found.anything else found.parameters

    def bases(self) -> Iterator[Definition | None]:
        """The classes that it inherits from; None for one that is not found."""
        for base in self.node.bases if isinstance(self.node, ast.ClassDef) else ():
            name = ast.unparse(base).partition("[")[0]
            if name not in ("object", "ABC", "Protocol", "Generic"):
                yield within(self.module, name)


def find(name: str) -> Definition | None:
    """What a dotted name stands for; None if it is not found, or is neither class nor function."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        if module_file(module := ".".join(parts[:length])):
            return within(module, ".".join(parts[length:]))
    return None


def names_in(module: str) -> list[str]:
    """The public names of a module, for whoever misspelled one."""
    found = [name for tree in _trees(module) for name in _defined(tree)]
    return [name for name in dict.fromkeys(found) if not name.startswith("_")]


def within(module: str, name: str, depth: int = 0) -> Definition | None:
    """What a name means in a module."""
    first, _, rest = name.partition(".")
    if depth > _DEPTH:
        return None
    for tree in _trees(module):
        for node in _statements(tree):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == first and not rest:
                return Definition(node, module)
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for target in _imported(node, module, first):
                    if found := _follow(target, rest, depth + 1):
                        return found
    return find(f"{module}.{name}") if module_file(f"{module}.{first}") and rest else None


@cache
def module_file(module: str) -> Path | None:
    """Where a module's source lies; nothing is imported to find it."""
    top, *rest = module.split(".")
    file = _origin(top)
    for index, part in enumerate(rest, start=1):
        if file is None or file.name != "__init__.py":
            return None
        places = (file.parent / part / "__init__.py", file.parent / f"{part}.py")
        found = next((place for place in places if place.is_file()), None)
        if found is None and top in _LAZY and index == 1:
            found = _origin(f"{top}.{part}")  # a folder beside the package that installs into it
        file = found
    return file


def _origin(module: str) -> Path | None:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@cache
def _trees(module: str) -> tuple[ast.Module, ...]:
    """A module's source, and its stub where names are loaded lazily."""
    file = module_file(module)
    places = [file, file.with_suffix(".pyi")] if file else []
    return tuple(ast.parse(place.read_text(encoding="utf-8")) for place in places if place and place.is_file())


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in tree.body:
        yield node
        for block in (getattr(node, name, []) for name in ("body", "orelse", "handlers")):
            if isinstance(node, (ast.If, ast.Try)):
                yield from (inner for inner in block if isinstance(inner, ast.stmt))


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in _statements(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)


def _imported(node: ast.Import | ast.ImportFrom, module: str, name: str) -> Iterator[str]:
    """The dotted names that a statement may give to a name."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            if (alias.asname or alias.name) == name:
                yield alias.name
        elif (alias.asname or alias.name) in (name, "*"):
            yield f"{_source(node, module)}.{name if alias.name == '*' else alias.name}"


def _source(node: ast.ImportFrom, module: str) -> str:
    if not node.level:
        return node.module or ""
    file = module_file(module)
    package = module.split(".")
    kept = len(package) - node.level + (1 if file and file.name == "__init__.py" else 0)
    return ".".join([*package[:kept], *([node.module] if node.module else [])])


def _follow(target: str, rest: str, depth: int) -> Definition | None:
    module, _, name = target.rpartition(".")
    if rest:
        return find(f"{target}.{rest}") if module_file(target) else None
    return within(module, name, depth) if module and module_file(module) else None


class _Taken(NamedTuple):
    """What a constructor takes; whether it takes anything else; whether it is written down at all."""

    parameters: list[Parameter]
    anything: bool
    written: bool


def _parameters(found: Definition, depth: int) -> _Taken | None:
    """None where a base class is not found."""
    node = found.node
    if isinstance(node, ast.FunctionDef):
        return _Taken(*_arguments(node, method=False), True)
    inherited = _inherited(found, depth + 1) if depth < _DEPTH else None
    if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        return inherited and _Taken(_merge(_fields(node), inherited.parameters), False, True)
    init = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if init is None:
        return inherited
    own, passes_on = _arguments(init, method=True)
    if not passes_on:
        return _Taken(own, False, True)
    if inherited is None:
        return None
    # What it passes on, its bases take; without their constructors, it uses all there is itself.
    return _Taken(_merge(own, inherited.parameters), inherited.anything or not inherited.written, True)


def _inherited(found: Definition, depth: int) -> _Taken | None:
    taken = _Taken([], False, False)
    for base in found.bases():
        theirs = _parameters(base, depth) if base else None
        if theirs is None:
            return None
        parameters = _merge(taken.parameters, theirs.parameters)
        taken = _Taken(parameters, taken.anything or theirs.anything, taken.written or theirs.written)
    return taken


def _merge(own: list[Parameter], inherited: list[Parameter]) -> list[Parameter]:
    names = {parameter.name for parameter in own}
    return own + [parameter for parameter in inherited if parameter.name not in names]


def _fields(node: ast.ClassDef) -> list[Parameter]:
    found = []
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            default = ast.unparse(field.value) if field.value else _REQUIRED
            found.append(Parameter(field.target.id, ast.unparse(field.annotation), default))
    return found


def _arguments(function: ast.FunctionDef, method: bool) -> tuple[list[Parameter], bool]:
    """Its parameters, and whether it takes others, too."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults]
    pairs = list(zip(positional, defaults, strict=True))[1 if method else 0 :]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    found = [
        Parameter(
            argument.arg,
            ast.unparse(argument.annotation) if argument.annotation else "",
            ast.unparse(default) if default else _REQUIRED,
        )
        for argument, default in pairs
    ]
    return found, arguments.kwarg is not None


def search_here() -> None:
    """Lets classes in the current directory be named, last, so that a file there never hides an installed package."""
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
        module_file.cache_clear()
        _trees.cache_clear()
