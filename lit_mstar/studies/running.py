"""Runs the stages that a study lacks, several at a time."""

from __future__ import annotations

import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from lit_mstar.commands.children import Children
from lit_mstar.commands.stage_run import StageRun
from lit_mstar.studies.plan import VariantRun, predecessors


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
