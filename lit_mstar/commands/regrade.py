"""`lit-mstar regrade`: what is sampled is marked anew, against today's references and by today's grader.

Nothing is sampled and nothing is trained. Verdicts change, with steps and answers; selection and scores stay, for they
say what was learned. A benchmark's results are scored anew from the responses that were kept.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pyarrow.parquet as pq
from lightning.pytorch import LightningDataModule, LightningModule

from lit_mstar.commands.instantiate import instantiate
from lit_mstar.files import atomic
from lit_mstar.front.definitions import search_here
from lit_mstar.front.parsers import parser_of
from lit_mstar.front.recipe import read_config
from lit_mstar.reasoning.marking import Marker
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import Judge, Problem, Rollout
from lit_mstar.rollouts.parquet import SCHEMA, from_table, read_table, to_table

_COLUMNS = (
    "responses",
    "wrong -> right",
    "right -> wrong",
    "learned, now wrong",
    "not in the data",
    "other question",
    "known <-> unknown",
)


def main(args: list[str]) -> None:
    """Parses the command line of `lit-mstar regrade` and marks all iterations of a run."""
    options = parser_of("regrade").parse_args(args)
    search_here()  # where a source or a grader of one's own may be
    if (options.run / "results.json").is_file():
        config = options.config or options.run / "config.yaml"
        print(_rescored(options.run, _existing(config, options.run), not options.dry_run))
        return
    stages = [folder.parent for folder in sorted(options.run.rglob("rollouts")) if folder.is_dir()]
    if not stages:
        sys.exit(f"{options.run} has no rollouts; name the folder of a run that has sampled.")
    for stage in stages:
        config = options.config or stage / "config.yaml"
        _existing(config, stage)
        print(f"{stage}, by {config}{' (dry run: nothing is written)' if options.dry_run else ''}")
        problems, unlabeled, marker, _ = configured(config)
        print(regrade(Ledger(stage / "rollouts"), problems, marker, not options.dry_run, unlabeled))


def _existing(config: Path, folder: Path) -> Path:
    if not config.is_file():
        sys.exit(f"{config} does not exist; say by --config how {folder} was configured.")
    return config


def _rescored(home: Path, config: Path, write: bool) -> str:
    """The tables of a benchmark's results, by a config's rules."""
    made = _made(config, data_alone=True)
    if not hasattr(made.data, "score"):
        sys.exit(f"{config} has no benchmarks; say by --config which they are: configs/benchmarks/all.yaml.")
    try:
        return str(made.data.score(home, write=write))
    except ValueError as error:
        raise ValueError(str(error)) from None


def _made(config: Path, data_alone: bool = False) -> Any:
    """What a config describes, without its trainer; nothing is loaded."""
    parts: dict[str, type] = {"data": LightningDataModule} | ({} if data_alone else {"model": LightningModule})
    return instantiate(parts, read_config(config))


def configured(config: Path) -> tuple[dict[str, Problem], set[str], Marker, Judge]:
    """What a stage is configured to ask; loads no model.

    Returns:
        The problems as they are now, by id, which of them are unlabeled, the marker, and who can tell true steps.
    """
    made = _made(config)
    hidden, known = ({p.id: p for p in made.data.source.problems(split)} for split in ("unlabeled", "train"))
    return hidden | known, hidden.keys() - known.keys(), made.model.marker, made.data.source.judge_steps


def regrade(
    ledger: Ledger,
    problems: dict[str, Problem],
    marker: Marker,
    write: bool = True,
    unlabeled: Collection[str] = (),
) -> str:
    """Marks every response of a ledger anew, and returns what changed as a table; files are replaced when whole.

    Args:
        ledger: Of one stage.
        problems: With today's references, by id.
        marker: Today's.
        write: Otherwise nothing is changed.
        unlabeled: The ids of problems whose answers stay hidden where they were.
    """
    lines = ["iteration  " + "  ".join(_COLUMNS)]
    rules: Counter[str] = Counter()
    for index in [header["index"] for header in ledger.headers() if "index" in header]:
        counts: Counter[str] = Counter()
        if write:
            # First, for who is killed here leaves marks of both kinds. A run that goes on asks its callbacks again.
            ledger.note_marking(index, "")
        for file in ledger.files(index):
            _regrade_file(file, problems, unlabeled, marker, counts, rules, write)
        lines.append(f"{index:>9}  " + "  ".join(str(counts[name]).rjust(len(name)) for name in _COLUMNS))
    lines += [f"  {number} changed by the rule: {rule}" for rule, number in rules.most_common(5)]
    return "\n".join(lines)


def _regrade_file(
    file: Path,
    problems: dict[str, Problem],
    unlabeled: Collection[str],
    marker: Marker,
    counts: Counter[str],
    rules: Counter[str],
    write: bool,
) -> None:
    """One file, a row group at a time: neither reading nor writing holds more in memory."""
    with pq.ParquetFile(file) as parquet:
        groups = range(parquet.num_row_groups)
    with atomic(file) if write else TemporaryFile() as target, pq.ParquetWriter(target, SCHEMA) as writer:
        for group in groups:
            rollouts = _rollouts(file, group, problems, unlabeled, counts)
            for rollout in rollouts:
                if rollout.problem.id in problems and rollout.problem.question == problems[rollout.problem.id].question:
                    _mark(rollout, marker, counts, rules)
            writer.write_table(to_table(rollouts))


def _rollouts(
    file: Path, group: int, problems: dict[str, Problem], unlabeled: Collection[str], counts: Counter[str]
) -> list[Rollout]:
    """The rollouts of a row group, with today's problems where these still ask the same."""
    table = read_table(file, group)
    rows = {row["problem_id"]: row for row in table.select(["problem_id", "question", "reference"]).to_pylist()}
    chosen = []
    for name, row in rows.items():
        problem = problems.get(name)
        if problem is None or problem.question != row["question"]:
            counts["not in the data" if problem is None else "other question"] += 1
            problem = Problem(id=name, question=row["question"] or "", answer=row["reference"])
        elif row["reference"] is None and name in unlabeled:  # as in the run, which hid its answer
            problem = replace(problem, answer=None)
        chosen.append(problem)
    return from_table(table, chosen)


def _mark(rollout: Rollout, marker: Marker, counts: Counter[str], rules: Counter[str]) -> None:
    before = [response.correct for response in rollout.responses]
    marker.mark(rollout)
    for index, (old, response) in enumerate(zip(before, rollout.responses, strict=True)):
        counts["responses"] += 1
        counts["learned, now wrong"] += index in rollout.selected and response.correct is False
        if old != response.correct:
            unknown = old is None or response.correct is None
            counts["known <-> unknown" if unknown else "wrong -> right" if old is False else "right -> wrong"] += 1
            rules[response.rule or "no reference"] += 1
