from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table() -> Any:
    spec = importlib.util.spec_from_file_location("table_of_rows", ROOT / "benchmarks" / "table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(**changes: Any) -> dict[str, Any]:
    whole = {"what": "iteration", "peer": "peer", "ours": 2.0, "theirs": 1234.5, "ratio": 0.5, "spread": [0.4, 0.625]}
    return (
        whole
        | {"better": "less", "bar": 0.5, "pairs": 3, "n": 8, "versions": {"torch": "2.9"}, "command": "x.py"}
        | changes
    )


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({"ratio": 0.5}, True),
        ({"ratio": 0.51}, False),
        ({"better": "more", "bar": 0.97, "ratio": 0.97}, True),
        ({"better": "more", "bar": 0.97, "ratio": 0.96}, False),
    ],
)
def test_a_bar_is_the_least_ratio_where_more_is_better_and_the_largest_otherwise(
    table: Any, changes: dict[str, Any], met: bool
):
    assert table.met(row(**changes)) == met


def test_rows_are_found_among_what_else_is_printed(table: Any):
    said = f"a warning\n{json.dumps(row(command='?'))}\n| K | way |\n[1, 2]\n{{}}\n"
    assert table.rows_of(said, "y.py --pairs 2") == [row(command="y.py --pairs 2")]


def test_the_table_says_what_was_measured_and_what_failed(table: Any, tmp_path: Path):
    broken = table.failed("broken.py", "Traceback\n  line\nValueError: no\n")
    table.write([row(), row(what="slow", ratio=2.0), broken], tmp_path)
    text = (tmp_path / "speed.md").read_text()
    assert "| iteration | peer | 2 | 1,234 | 0.5 (0.4 to 0.625) | ≤ 0.5 | met |" in text
    assert "| slow | peer | 2 | 1,234 | 2 (0.4 to 0.625) | ≤ 0.5 | **not met** |" in text
    assert "- failed: `broken.py`: ValueError: no" in text
    assert "- iteration: `x.py`; 3 pairs; n 8, torch 2.9" in text
    kept = [json.loads(line) for line in (tmp_path / "speed.jsonl").read_text().splitlines()]
    assert kept == [row(), row(what="slow", ratio=2.0), broken]


def test_rows_of_scripts_that_are_not_measured_again_stay(table: Any, tmp_path: Path):
    table.write([row(what="a"), row(what="b", command="y.py --pairs 2")], tmp_path)
    table.write([row(what="c", command="y.py")], tmp_path)
    kept = [json.loads(line)["what"] for line in (tmp_path / "speed.jsonl").read_text().splitlines()]
    assert kept == ["a", "c"]
    assert "| c |" in (tmp_path / "speed.md").read_text()
    assert "| b |" not in (tmp_path / "speed.md").read_text()
