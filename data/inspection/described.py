"""Which source a user means: a recipe, a stage's config, a data file, or a folder of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lit_mstar.commands.instantiate import instantiate
from lit_mstar.data.sources.source import ProblemSource
from lit_mstar.data.sources.tables import SUFFIXES
from lit_mstar.front.recipe import FILE, read_config

Described = dict[str, Any]  # class_path and init_args, as in YAML
_ASKED = ("path", "prompt", "system", "template", "chat_template", "trust_remote_code")  # how a model is asked
_WHOLE = "train_samples_all_tuning.json"
_SPLITS = {"train": "train", "validate": "val", "test": "test", "seed": "seed", "unlabeled": "unlabeled"}


def described(path: Path, columns: dict[str, Any] | None = None) -> tuple[Described, dict[str, Any]]:
    """A source as a config would have it, and the model that the same config names, as arguments of `Backbone`.

    Args:
        path: A recipe's folder, its `recipe.yaml`, or a stage's config; a data file; or a folder of data files.
        columns: Names of columns, for a table.

    Raises:
        ValueError: If it is none of these.
    """
    if not path.exists():
        raise ValueError(f"{path} does not exist; give a recipe, a stage's config, or a data file.")
    config = path / FILE if path.is_dir() and (path / FILE).is_file() else path
    if config.suffix in (".yaml", ".yml"):
        return _in_config(config)
    if path.is_dir():
        return _in_folder(path, columns), {}
    return _of_files({"train": path}, columns), {}


def made(source: Described, lenient: bool = True) -> ProblemSource:
    """The source itself.

    Args:
        source: As `described` gives it.
        lenient: Leave bad rows out however many they are, so that all of them can be counted.

    Raises:
        ValueError: If a class or an argument is wrong.
    """
    try:
        found: ProblemSource = instantiate({"source": ProblemSource}, {"source": source}).source
    except Exception as error:
        raise ValueError(f"{source.get('class_path')}: {error}") from error
    if lenient:
        _soften(found)
    return found


def _soften(source: Any) -> None:
    for inner in [getattr(source, "source", None), *getattr(source, "sources", [])]:
        if inner is not None:
            _soften(inner)
    if hasattr(source, "most_bad"):
        source.on_bad_row, source.most_bad = "skip", 1.0


def _in_config(file: Path) -> tuple[Described, dict[str, Any]]:
    config = read_config(file)
    data = config.get("data")
    asked = data.get("init_args", {}) if isinstance(data, dict) else {}
    source = config.get("source") or asked.get("source") or _of_benchmarks(asked.get("benchmarks") or [])
    if not isinstance(source, dict):
        raise ValueError(f"{file} names no source: there is neither `source` nor `data.init_args.source`.")
    model = config.get("model") or {}
    options = model.get("init_args", {}) if isinstance(model, dict) else {}
    inner = (options.get("backbone") or {}).get("init_args", {}) if "backbone" in options else options
    return source, {name: inner[name] for name in _ASKED if name in inner}


def _of_benchmarks(benchmarks: list[dict[str, Any]]) -> Described | None:
    """The source of a benchmark, or those of several as one."""
    sources = [benchmark["source"] for benchmark in benchmarks]
    if len(sources) < 2:
        return sources[0] if sources else None
    return {"class_path": "lit_mstar.data.MixtureSource", "init_args": {"sources": sources}}


def _in_folder(folder: Path, columns: dict[str, Any] | None) -> Described:
    if (folder / _WHOLE).is_file():
        return {"class_path": "lit_mstar.data.MathV360KSource", "init_args": {"path": str(folder)}}
    found = {}
    for split, name in _SPLITS.items():
        files = [file for place in (folder, folder / "data") for file in sorted(place.glob(f"{name}*"))]
        if tables := [file for file in files if file.suffix in SUFFIXES]:
            found[split] = tables[0] if len(tables) == 1 else tables[0].parent
    if not found:
        there = ", ".join(sorted(file.name for file in folder.iterdir())[:6])
        raise ValueError(
            f"{folder} has no {', '.join(_SPLITS.values())}…{'/'.join(SUFFIXES)}; there is {there or 'nothing'}."
        )
    return _of_files(found, columns)


def _of_files(files: dict[str, Path], columns: dict[str, Any] | None) -> Described:
    """The source that reads some files: ours for JSON Lines with our fields, else by the first row's."""
    first = next(iter(files.values()))
    paths = {split: str(file) for split, file in files.items()}
    if first.is_file() and first.suffix in (".json", ".jsonl") and _converses(first):
        return {"class_path": "lit_mstar.data.ShareGPTSource", "init_args": paths}
    if first.suffix == ".jsonl" and not columns:
        return {"class_path": "lit_mstar.data.JsonlSource", "init_args": paths}
    if first.is_file() and first.suffix not in SUFFIXES:
        raise ValueError(f"{first} ends in {first.suffix!r}; what can be read ends in {', '.join(SUFFIXES)}.")
    return {
        "class_path": "lit_mstar.data.TableSource",
        "init_args": paths | ({"columns": columns} if columns else {}),
    }


def _converses(file: Path) -> bool:
    """Whether the first row of a JSON file is a conversation; only its beginning is read."""
    with file.open(encoding="utf-8-sig", errors="replace") as text:
        head = text.read(200_000)
    start = head.find("{")
    try:
        row, _ = json.JSONDecoder().raw_decode(head, start) if start >= 0 else ({}, 0)
    except ValueError:
        return False
    return isinstance(row, dict) and ("conversations" in row or "messages" in row)
