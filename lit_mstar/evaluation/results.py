"""A model's results as a folder: graded problems as Parquet, figures as JSON, tables as Markdown.

results/<model>/results.json           all figures with their intervals
                results.md             the same as tables
                <benchmark>/graded.parquet      a row for each problem, from which two models are compared
                <benchmark>/responses/          every response, as in a run's rollouts
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lit_mstar.evaluation import figures
from lit_mstar.evaluation.graded import Graded
from lit_mstar.evaluation.rules import OfficialGrader
from lit_mstar.evaluation.scoring import Scoring
from lit_mstar.files import atomic
from lit_mstar.reasoning.grader import Grader

_SCHEMA = pa.schema(
    {
        "kind": pa.string(),
        "id": pa.string(),
        "cluster": pa.string(),
        "tags": pa.map_(pa.string(), pa.string()),
        "official": pa.list_(pa.bool_()),
        "ours": pa.list_(pa.bool_()),
        "answered": pa.list_(pa.bool_()),
        "cut": pa.list_(pa.bool_()),
        "tokens": pa.list_(pa.int32()),
        "majority": pa.bool_(),
        "best": pa.bool_(),
    }
)
Kinds = Mapping[str, Sequence[Graded]]  # "greedy": one response a problem; "sampled": N


def benchmark_results(scoring: Scoring, kinds: Kinds, total: int | None = None) -> dict[str, Any]:
    """A benchmark's figures as a dictionary.

    Args:
        scoring: With its subset and groups.
        kinds: Graded problems, of all rows.
        total: How many problems there are; a test that was broken off has graded fewer.
    """
    greedy = list(kinds["greedy"])
    found: dict[str, Any] = {
        "name": scoring.name,
        "rule": rule_of(scoring.grader),
        "rows": len(greedy),
        "note": "; ".join(note for note in (scoring.note, _unfinished(len(greedy), total)) if note),
        "folder": scoring.folder,
    }
    counted = [problem for problem in greedy if scoring.counts(problem)]
    asked = [problem for problem in counted if scoring.first(problem)]
    if not asked:
        return found | {"accuracy": None, "note": f"no row is in the subset {dict(scoring.subset)}"}
    found["accuracy"] = figures.accuracy(asked)
    found["counted"] = [problem.id for problem in asked]
    if scoring.rotations:
        found["circular"] = figures.circular(counted, scoring.rotations)
    whole = [problem for problem in greedy if scoring.first(problem)]
    if len(whole) > len(asked):
        found["all_rows"] = figures.accuracy(whole)
    found["groups"] = figures.by_groups(whole, scoring.groups)
    found |= figures.shares(asked)
    several = [p for p in kinds.get("sampled", ()) if scoring.counts(p) and scoring.first(p)]
    return found | ({"sampled": figures.of_several(several)} if several else {})


def _unfinished(graded: int, total: int | None) -> str:
    if total is None or graded == total:
        return ""
    return f"only {graded} of {total} problems are answered: go on with the test"


def rule_of(grader: Grader) -> str:
    """A grader's name, and who finds the answer that it judges."""
    if not isinstance(grader, OfficialGrader):
        return type(grader).__name__
    return f"{grader.name}, {grader.finder}"


def write_graded(file: Path, kinds: Kinds) -> None:
    """Writes graded problems."""
    rows = [{"kind": kind} | asdict(problem) for kind, problems in kinds.items() for problem in problems]
    with atomic(file) as partial:
        pq.write_table(pa.Table.from_pylist([row | {"tags": [*row["tags"].items()]} for row in rows], _SCHEMA), partial)


def read_graded(file: Path) -> dict[str, list[Graded]]:
    """Reads what `write_graded` wrote.

    Raises:
        ValueError: If it is no such file.
    """
    try:
        rows = pq.read_table(file, schema=_SCHEMA).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{file} cannot be read ({error}); test the model again.") from error
    kinds: dict[str, list[Graded]] = {}
    for row in rows:
        values = {field.name: row[field.name] for field in fields(Graded)}
        listed = {name: tuple(value) for name, value in values.items() if isinstance(value, list) and name != "tags"}
        kinds.setdefault(row["kind"], []).append(Graded(**values | listed | {"tags": dict(row["tags"])}))
    return kinds


def write_results(home: Path, model: str, results: Sequence[Mapping[str, Any]], markdown: str) -> None:
    """Writes `results.json` and `results.md`."""
    whole = {"model": model, "benchmarks": list(results), "mean": figures.mean_of(results)}
    text = json.dumps(whole, indent=1, ensure_ascii=False)
    for name, content in (("results.json", text), ("results.md", markdown)):
        with atomic(home / name) as partial:
            partial.write_text(content + "\n", encoding="utf-8")
