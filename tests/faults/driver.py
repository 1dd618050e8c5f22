"""Kills a recipe at random instants, resumes it, and compares it with an uninterrupted run.

    PYTHONPATH=tests python tests/faults/driver.py --kills 25 --seed 0

Every kill is a SIGKILL to the whole process group, at an instant drawn evenly over a stage's work, which begins when
the imports are done. In the end, weights, ledger, step data set and summary must be those of the uninterrupted run, and
nothing that was in the ledger at a kill may have been sampled again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from lit_mstar.commands.run import run as lit_mstar_run
from support.comparison import differences, on_disk, rollouts_on_disk, sampled_again
from support.miniature import write_recipe
from support.zygote import popen

STAGES = ("1-warmup", "2-annotate", "3-prm", "4-evolve")
ORDER = ("4-evolve", "2-annotate", "1-warmup", "3-prm")  # in which kills are dealt out: few go to those that sample
# What `run` says of a stage, and the first that the stage itself says, once it has imported everything.
STARTED = re.compile(r"^\[\d/\d\] (\S+): (?:starting|resuming)", re.MULTILINE)
BEGAN = re.compile(STARTED.pattern + ".*?Seed set to", re.MULTILINE | re.DOTALL)
RESUMED = re.compile(r"Restored all states from the checkpoint at \S*/(\S+)|(starting from the beginning)")


@dataclass
class Attempt:
    """One start of the recipe: when the work of each stage began, what was printed, and whether it was killed."""

    began: dict[str, float] = field(default_factory=dict)
    output: str = ""
    killed: bool = False

    def resumed_from(self, stage: str) -> str:
        """What the stage went on from, as Lightning says it."""
        if f"{stage}: complete" in self.output:
            return "(it was complete)"
        if stage == "2-annotate":
            return "the files of finished batches"
        match = RESUMED.search(self.output)
        return match[1] or match[2] if match else "(killed before it resumed)"


def attempt(command: list[str], stage: str = "", instant: float = 0.0) -> Attempt:
    """Runs the recipe; kills it at an instant of a stage, or when that stage is over: then it was too late."""
    run = Attempt()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    while True:
        now = time.monotonic()
        due = run.began[stage] + instant if stage in run.began else None
        too_late = stage and any(match[1] > stage for match in STARTED.finditer(run.output))
        if too_late or (due is not None and now >= due):
            run.killed = not too_late
            os.killpg(process.pid, signal.SIGKILL)
            break
        ready, _, _ = select.select([pipe], [], [], None if due is None else due - now)
        text = os.read(pipe, 65536).decode(errors="replace") if ready else None
        if text == "":
            break
        run.output += text or ""
        for match in BEGAN.finditer(run.output):
            run.began.setdefault(match[1], time.monotonic())
    process.communicate()  # to the end of the pipe: no process of the group is left
    assert process.returncode in ((0, -signal.SIGKILL) if stage else (0,)), run.output[-3000:]
    return run


@dataclass
class Kill:
    """A row of the table."""

    stage: str
    instant: float
    found: str
    resumed_from: str = ""


def torture(work: Path, kills: int, seed: int) -> tuple[list[Kill], list[str]]:
    """Returns the kills and what differs from the uninterrupted run: nothing, it is hoped."""
    out, log, reference = work / "runs" / "mini", work / "runs" / "mini" / "sampled.txt", work / "reference"
    recipe = write_recipe(work / "mini", log)
    command = [sys.executable, "-m", "lit_mstar", "run", str(recipe), "--out", str(out), "--seed", "3", "--verbose"]
    os.chdir(Path(__file__).parents[1])  # where stages find the sampler that keeps a log
    out.mkdir(parents=True)
    run_undisturbed(recipe, out)
    out.rename(reference)  # both ran in the same place, so that paths in files are the same
    out.mkdir()

    rng = random.Random(seed)  # noqa: S311
    rows: list[Kill] = []
    problems: list[str] = []
    kept: list[tuple[int, set[str]]] = []  # at each kill, the log's length and what the ledger held
    for stage in sorted(ORDER[k % len(ORDER)] for k in range(kills)):
        seconds = json.loads((reference / stage / "summary.json").read_text())["seconds"]
        instant, first = kill_in(stage, command, out, rng, seconds)
        if rows:
            rows[-1].resumed_from = first.resumed_from(rows[-1].stage)
        if instant is None:  # earlier kills have left too little of the stage: it begins anew
            problems += twice(log, kept)
            kept.clear()
            for path in (out / stage, log):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            instant, _ = kill_in(stage, command, out, rng, seconds)
        rows.append(Kill(stage, instant or 0.0, on_disk(out / stage)))
        kept.append((log.stat().st_size if log.exists() else 0, rollouts_on_disk(out / "4-evolve")))
        print(f"kill {len(rows)}: {rows[-1]}", file=sys.stderr, flush=True)
    rows[-1].resumed_from = attempt(command).resumed_from(rows[-1].stage)
    return rows, differences(out, reference) + problems + twice(log, kept)


def run_undisturbed(recipe: Path, out: Path) -> None:
    """Runs the recipe from this process, with stages that start at once: nobody kills them."""

    def start(line: list[str], **_: object) -> object:
        return popen(line, stdout=sys.stderr)

    with patch("lit_mstar.commands.children.subprocess.Popen", start), redirect_stdout(sys.stderr):
        lit_mstar_run(recipe, out, seed=3)


def twice(log: Path, kept: list[tuple[int, set[str]]]) -> list[str]:
    """What was sampled although the ledger held it."""
    found = sampled_again(log, kept) if log.exists() else []
    return [f"after kill {k}: sampled again: {problems}" for k, problems in found]


def kill_in(
    stage: str, command: list[str], out: Path, rng: random.Random, latest: float
) -> tuple[float | None, Attempt]:
    """Kills the recipe in a stage, at an instant up to the latest; returns it and the first attempt.

    The instant is None where the stage was over before it, twice.
    """
    backup = out.with_name("backup")
    shutil.copytree(out, backup)
    first: Attempt | None = None
    try:
        for _ in range(2):
            instant = rng.uniform(0, latest)
            run = attempt(command, stage, instant)
            first = first or run
            if run.killed:
                return instant, first
            latest = instant  # the stage had less left to do than that
            take_back(out, backup, stage)
        assert first is not None
        return None, first
    finally:
        shutil.rmtree(backup)


def take_back(out: Path, backup: Path, stage: str) -> None:
    """Undoes what an attempt did in a stage and after; stages before it were not disturbed, and stay finished."""
    for name in (*(later for later in STAGES if later >= stage), "sampled.txt"):
        undone, before = out / name, backup / name
        if undone.is_dir():
            shutil.rmtree(undone)
        undone.unlink(missing_ok=True)
        if before.is_dir():
            shutil.copytree(before, undone)
        elif before.exists():
            shutil.copy(before, undone)


def table(rows: list[Kill], seed: int) -> str:
    """The kills in Markdown."""
    lines = [
        f"Seed {seed}, {len(rows)} kills.\n",
        "| kill | stage | at (s) | found on disk | resumed from |",
        "|" + "---|" * 5,
    ]
    lines += [
        f"| {number} | {row.stage} | {row.instant:.2f} | {row.found} | {row.resumed_from} |"
        for number, row in enumerate(rows, 1)
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        rows, problems = torture(Path(work), options.kills, options.seed)
    print(table(rows, options.seed))
    print("\n" + ("\n".join(problems) or "Everything is bit-identical to the uninterrupted run."))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
