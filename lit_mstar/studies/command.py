"""`lit-mstar study`: runs what is missing, writes tables and plots."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lit_mstar.commands.children import Children
from lit_mstar.commands.stage_run import StageRun
from lit_mstar.files import atomic
from lit_mstar.front.parsers import parser_of
from lit_mstar.studies.definition import Study, read_study
from lit_mstar.studies.plan import VariantRun, plan, predecessors
from lit_mstar.studies.plots import draw
from lit_mstar.studies.report import page
from lit_mstar.studies.results import collect, write_results

_VERSIONS = ("lit-mstar", "torch", "lightning", "transformers")


def main(args: list[str]) -> None:
    """Parses the command line and runs the studies, one after the other."""
    options = parser_of("study").parse_args(args)
    command = shlex.join(["lit-mstar", "study", *args])
    studies = {file: read_study(file) for file in options.files}
    runs = {
        file: plan(study, file.parent / study.recipe, options.store, options.seeds or study.seeds)
        for file, study in studies.items()
    }
    failed = run_missing([run for each in runs.values() for run in each], options.jobs, command)
    out = options.out or options.store
    problems = [_publish_if_whole(study, runs[file], out, file, command) for file, study in studies.items()]
    errors = [problem for problem in problems if problem]
    if failed:
        errors.append("Stages failed; their logs say why, and the same command goes on:")
        errors += [f"  {stage.folder / 'log.txt'}" for stage in failed]
    if errors:
        sys.exit("\n".join(errors))


def run_missing(runs: list[VariantRun], jobs: int, command: str) -> list[StageRun]:
    """Runs all stages that are not complete, each once, `jobs` at a time, as soon as what they need is there.

    Where a stage fails, those that need it are left out, and all others run.

    Returns:
        The stages that failed.

    Raises:
        SystemExit: After a SIGTERM, with code 0.
    """
    before = predecessors(runs)
    waiting = [stage for stage in before if not stage.complete]
    progress = _Progress(total=len(before), done=len(before) - len(waiting))
    print(f"{progress.total} stages, {progress.done} complete; {jobs} at a time.", flush=True)
    with Children() as children, ThreadPoolExecutor(jobs) as pool:
        running: set[Future[None]] = set()
        try:
            while True:
                ready = [stage for stage in waiting if (needed := before[stage]) is None or needed.complete]
                for stage in ready[: 0 if children.stopped else jobs - len(running)]:
                    waiting.remove(stage)
                    running.add(pool.submit(_run, stage, children, progress))
                if not running:
                    break
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for each in finished:
                    each.result()  # raises what was raised there
        except BaseException:
            children.stop()
            raise
    if children.stopped:
        print(f"Stopped. To go on: {command}", flush=True)
        sys.exit(0)
    return progress.failed


@dataclass
class _Progress:
    total: int
    done: int
    failed: list[StageRun] = field(default_factory=list)


def _run(stage: StageRun, children: Children, progress: _Progress) -> None:
    started = time.monotonic()
    stage.run(children, stage.folder / "log.txt")
    if stage.complete:
        progress.done += 1
        took = time.monotonic() - started
        print(f"[{progress.done}/{progress.total}] {stage.folder}: {took:.0f} s", flush=True)
    elif not children.stopped:
        progress.failed.append(stage)
        print(f"{stage.folder} failed; see its log.txt", flush=True)


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
