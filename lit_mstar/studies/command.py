"""`lit-mstar study`: runs what is missing, writes tables and plots."""

from __future__ import annotations

import json
import os
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lit_mstar.files import atomic
from lit_mstar.front.parsers import parser_of
from lit_mstar.studies.claims import POWER, powers
from lit_mstar.studies.definition import Study, read_study
from lit_mstar.studies.plan import VariantRun, plan
from lit_mstar.studies.plots import draw
from lit_mstar.studies.report import page
from lit_mstar.studies.results import collect, read_results, write_results
from lit_mstar.studies.running import run_missing
from lit_mstar.studies.verdicts import judge

_VERSIONS = ("lit-mstar", "torch", "lightning", "transformers")


def main(args: list[str]) -> None:
    """Parses the command line and runs the studies, one after the other."""
    options = parser_of("study").parse_args(args)
    command = shlex.join(["lit-mstar", "study", *args])
    studies = {file: read_study(file) for file in options.files}
    out = options.out or options.store
    if options.power:
        print("\n\n".join(_recorded_power(study, out / f"{file.stem}.json") for file, study in studies.items()))
        return
    runs = {
        file: plan(study, file.parent / study.recipe, options.store, options.seeds or study.seeds, options.first)
        for file, study in studies.items()
    }
    failed = run_missing([run for each in runs.values() for run in each], options.jobs, command)
    problems = [_publish_if_whole(study, runs[file], out, file, command) for file, study in studies.items()]
    errors = [problem for problem in problems if problem]
    if failed:
        errors.append("Stages failed; their logs say why, and the same command goes on:")
        errors += [f"  {stage.folder / 'log.txt'}" for stage in failed]
    if errors:
        sys.exit("\n".join(errors))


def _recorded_power(study: Study, file: Path) -> str:
    """What recorded results say about how many seeds it takes.

    Raises:
        SystemExit: If there are none, or they are of other variants than the study's.
    """
    if not file.is_file():
        sys.exit(f"{file} is not there: run the study first, with --out {file.parent}.")
    try:
        judged = judge(study, read_results(file))
    except ValueError as error:  # a variant or a metric that was not there when it ran
        sys.exit(f"{file}: {error}")
    return f"# {study.title}\n\n{POWER}\n\n{powers(study, judged)}"


def _publish_if_whole(study: Study, runs: list[VariantRun], out: Path, file: Path, command: str) -> str | None:
    """Publishes a study if its runs are all complete; returns what is wrong, so that the other studies go on."""
    if not all(run.stages[-1].complete for run in runs):
        return f"{file} has no page yet: not all of its runs are complete."
    try:
        publish(study, runs, out, file.stem, command)
    except ValueError as error:  # a metric that nobody measured
        return f"{file}: {error}"
    return None


def publish(study: Study, runs: list[VariantRun], out: Path, name: str, command: str) -> None:
    """Writes `NAME.md`, its plots and `NAME.json`, and prints the page."""
    out.mkdir(parents=True, exist_ok=True)
    results = [collect(run) for run in runs]
    about: dict[str, Any] = {
        "command": command,
        "versions": {package: version(package) for package in _VERSIONS},
        "machine": f"{os.cpu_count()} CPU cores, one thread a run",
        "hours of all runs": round(_seconds(runs) / 3600, 2),
    }
    write_results(out / f"{name}.json", results, about)
    text = page(study, results, about, draw(study, results, out, name))
    with atomic(out / f"{name}.md") as partial:
        partial.write_text(text)
    print(f"\n{text}\n{out / name}.md", flush=True)


def _seconds(runs: list[VariantRun]) -> float:
    """Of the processes that completed the stages; what an interrupted one did before is not in it."""
    folders = {stage.folder for run in runs for stage in run.stages}
    return sum(float(json.loads((folder / "summary.json").read_text())["seconds"]) for folder in folders)
