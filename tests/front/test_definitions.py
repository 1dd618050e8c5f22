"""Classes as their files define them, against the classes themselves."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import lit_mstar.callbacks
import lit_mstar.data
from lit_mstar.front.definitions import find, names_in, search_here

OURS = [f"lit_mstar.callbacks.{name}" for name in lit_mstar.callbacks.__all__]
OURS += [f"lit_mstar.data.{name}" for name in lit_mstar.data.__all__ if name not in ("Split", "Benchmark")]
OURS += [
    f"lit_mstar.{name}" for name in ("PolicyModule", "ProcessRewardModule", "StepAnnotator", "Backbone", "PRMRefresh")
]
OURS += ["lit_mstar.samplers.VLLMSampler", "lit_mstar.samplers.TransformersSampler", "lit_mstar.modules.RunSchedule"]
THEIRS = ["lightning.pytorch.Trainer", "lightning.pytorch.callbacks.ModelCheckpoint", "torch.optim.AdamW"]


def resolved(name: str) -> type:
    module, _, last = name.rpartition(".")
    found: type = getattr(import_module(module), last)
    return found


def all_parameters(kind: type) -> set[str]:
    """Of the constructor, and of its bases' as far as it passes on what it does not know."""
    found: set[str] = set()
    for base in kind.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        found |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if not any(p.kind == p.VAR_KEYWORD for p in parameters):
            break
    return found


@pytest.mark.parametrize("name", OURS + THEIRS)
def test_parameters_are_those_of_the_class_itself(name: str) -> None:
    definition = find(name)
    assert definition is not None
    parameters = definition.parameters()
    assert parameters is not None
    assert {parameter.name for parameter in parameters} == all_parameters(resolved(name))
    if name in OURS:
        assert definition.doc == inspect.cleandoc(resolved(name).__doc__ or "")


def test_defaults_and_types_are_as_written() -> None:
    found = {
        p.name: p
        for p in (find("lit_mstar.callbacks.TemperatureBalancer") or pytest.fail("not found")).parameters() or []
    }
    assert (found["every"].annotation, found["every"].default) == ("int", "2")
    assert (found["n"].annotation, found["n"].default) == ("int | None", "None")
    prm = (find("lit_mstar.callbacks.PRMFilter") or pytest.fail("not found")).parameters() or []
    assert (prm[0].name, prm[0].default) == ("prm", "required")


@pytest.mark.parametrize(
    "name", ["nothing.at.all", "lit_mstar.NoSuch", "json.decoder", "os.path", "lit_mstar", "", "x"]
)
def test_what_is_no_class_is_not_found(name: str) -> None:
    assert find(name) is None


SOURCE = """
from typing import NamedTuple
from dataclasses import dataclass
import lit_mstar.callbacks as theirs
from lit_mstar.callbacks import PRMFilter as Filter

class Base:
    def __init__(self, a, *, b: int = 3, **more): ...

class Derived(Base):
    def __init__(self, c, **rest):
        super().__init__(**rest)

class Narrow:
    def __init__(self, e, f=1): ...

class Closed(Narrow):
    def __init__(self, d, **rest):
        super().__init__(**rest)

class Renamed(Filter): ...
class ByModule(theirs.PRMFilter): ...
class Unknown(NoSuchBase):
    def __init__(self, **rest): ...

@dataclass
class Row:
    x: int
    y: str = "?"

def make(p, q=1): ...
"""


def test_a_module_of_one_s_own_is_read_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "read_only_mine.py").write_text(SOURCE + "raise SystemExit('it was run')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    search_here()

    def names(kind: str) -> list[str] | None:
        parameters = (find(f"read_only_mine.{kind}") or pytest.fail("not found")).parameters()
        return None if parameters is None else [parameter.name for parameter in parameters]

    assert names("Derived") is None  # Base takes anything
    assert names("Closed") == ["d", "e", "f"]
    assert names("Row") == ["x", "y"]
    assert names("make") == ["p", "q"]
    assert names("Renamed") == names("ByModule") == ["prm", "selection", "aggregation", "refresh", "batch_size"]
    assert names("Unknown") is None
    assert {"Base", "Derived", "Row", "make", "Filter"} <= set(names_in("read_only_mine"))


def test_nothing_is_imported_for_it() -> None:
    code = (
        "import sys; from lit_mstar.front.check import check_command; from lit_mstar.front.help import help_of\n"
        "help_of('fit', ['--help']); help_of('fit', ['--help', 'PRMFilter'])\n"
        "check_command('test', ['--config', 'configs/quickstart/4-evolve.yaml', '--trainer.max_epochs=3'])\n"
        "print([name for name in ('torch', 'lightning', 'transformers', 'pyarrow') if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout == "[]\n"
