"""`lit-mstar regrade`: every verdict of a run against today's references, and what changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lit_mstar import Problem
from lit_mstar.commands.regrade import regrade
from lit_mstar.reasoning.marking import Marker
from lit_mstar.rollouts.ledger import Ledger
from support.commands import lit_mstar
from support.evolving import evolving, files, half_right, header, rows
from support.jsonl import write
from support.scripted import Killed, ScriptedSampler, make_evolver, make_policy, sums


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two iterations of four problems, every second of 4 responses right, the others saying "none"."""
    make_evolver(tmp_path, max_epochs=2).fit(make_policy(ScriptedSampler(half_right)), datamodule=evolving())
    return tmp_path


def by_id(problems: list[Problem]) -> dict[str, Problem]:
    return {problem.id: problem for problem in problems}


def cells(table: str, line: int) -> list[int]:
    return [int(cell) for cell in table.splitlines()[line].split()]


def test_what_changed_is_counted_and_written(run: Path) -> None:
    before = {index: rows(run, index) for index in (0, 1)}
    first = before[0][0]["problem_id"]
    problems = by_id(sums(8))
    problems[first] = replace(problems[first], answer="none")
    table = regrade(Ledger(run / "rollouts"), problems, Marker())
    assert cells(table, 1) == [0, 16, 2, 2, 2, 0, 0, 0]
    assert cells(table, 2) == [1, 16, 0, 0, 0, 0, 0, 0]
    assert "2 changed by the rule: same text" in table
    for index, old in before.items():
        for row, was in zip(rows(run, index), old, strict=True):
            flipped = was["problem_id"] == first
            assert row["correct"] is (was["correct"] ^ flipped)
            assert row | {"correct": 0, "rule": 0, "reference": 0} == was | {"correct": 0, "rule": 0, "reference": 0}
    assert header(run, 0)["marking"] == ""  # a run that goes on asks its callbacks again


def test_a_dry_run_changes_nothing(run: Path) -> None:
    before = files(run)
    problems = {name: replace(problem, answer="none") for name, problem in by_id(sums(8)).items()}
    table = regrade(Ledger(run / "rollouts"), problems, Marker(), write=False)
    assert cells(table, 1) == [0, 16, 8, 8, 8, 0, 0, 0]
    assert files(run) == before


def test_problems_that_are_gone_or_ask_something_else_are_left_alone(run: Path) -> None:
    ids = sorted({row["problem_id"] for row in rows(run, 0)})
    problems = by_id([problem for problem in sums(8) if problem.id != ids[0]])
    problems[ids[1]] = replace(problems[ids[1]], question="Another?", answer="none")
    before = rows(run, 0)
    table = regrade(Ledger(run / "rollouts"), problems, Marker())
    assert cells(table, 1) == [0, 8, 0, 0, 0, 1, 1, 0]
    assert rows(run, 0) == before


def test_the_command_reads_source_and_grader_from_the_stage(run: Path, tmp_path: Path) -> None:
    data = [{"id": p.id, "question": p.question, "answer": "none"} for p in sums(8)]
    write(tmp_path, *data, name="train.jsonl")
    source = {"class_path": "lit_mstar.data.JsonlSource", "init_args": {"train": "train.jsonl"}}
    config = {
        "seed_everything": 0,
        "model": {
            "class_path": "lit_mstar.PolicyModule",
            "init_args": {"backbone": {"class_path": "lit_mstar.Backbone", "init_args": {"path": "no/such/model"}}},
        },
        "data": {"class_path": "lit_mstar.data.SelfEvolvingDataModule", "init_args": {"source": source}},
        "trainer": {"max_epochs": 2},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    done = lit_mstar(tmp_path, "regrade", ".")
    assert done.returncode == 0, done.stderr
    assert cells(done.stdout, 2) == [0, 16, 8, 8, 8, 0, 0, 0]
    assert [row["correct"] for row in rows(run, 0)] == [row["answer"] == "none" for row in rows(run, 0)]


def test_verdicts_that_become_known_or_unknown_are_neither_right_nor_wrong(run: Path) -> None:
    problems = by_id(sums(8))
    first = rows(run, 0)[0]["problem_id"]
    unknown = problems | {first: replace(problems[first], answer=None)}
    assert cells(regrade(Ledger(run / "rollouts"), unknown, Marker()), 1) == [0, 16, 0, 0, 0, 0, 0, 4]
    hidden = regrade(Ledger(run / "rollouts"), problems, Marker(), write=False, unlabeled={first})
    assert cells(hidden, 1) == [0, 16, 0, 0, 0, 0, 0, 0]
    assert cells(regrade(Ledger(run / "rollouts"), problems, Marker()), 1) == [0, 16, 0, 0, 0, 0, 0, 4]
    assert [row["correct"] for row in rows(run, 0)] == [False, True] * 8


def test_killed_amid_its_files_it_leaves_no_mark_that_is_trusted(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(*_: object) -> None:
        raise Killed

    monkeypatch.setattr("lit_mstar.commands.regrade._mark", dying)
    before = rows(run, 0)
    with pytest.raises(Killed):
        regrade(Ledger(run / "rollouts"), by_id(sums(8)), Marker())
    assert header(run, 0)["marking"] == ""
    assert rows(run, 0) == before


def test_a_folder_without_rollouts_is_named(tmp_path: Path) -> None:
    done = lit_mstar(tmp_path, "regrade", ".")
    assert done.returncode == 2
    assert ". has no rollouts" in done.stderr
