"""Several real processes: `run` starts a job once per rank and returns what each of them says.

A job is a function of a folder that yields claims, (name, value) with a value that JSON can hold, on every rank in the
same order. Each process is `python -m torch.distributed.run … -m support.ranks MODULE:JOB RESULT`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

TESTS = Path(__file__).parents[1]

Job = Callable[[Path], Iterator[tuple[str, Any]]]


def run(job: Job, ranks: int, folder: Path) -> list[dict[str, Any]]:
    """Runs a job on so many processes, with files in a folder; returns every rank's claims."""
    result = folder / f"{job.__name__}.json"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    command = [*launcher, "-m", "support.ranks", f"{job.__module__}:{job.__name__}", str(result)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(TESTS)})
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return list(json.loads(result.read_text()))


def false(said: list[dict[str, Any]]) -> list[str]:
    """The claims that do not hold on every rank."""
    return [claim for claim in said[0] if not all(claims[claim] for claims in said)]


def main() -> None:
    (module, name), result = sys.argv[1].split(":"), Path(sys.argv[2])
    job: Job = getattr(import_module(module), name)
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    claims: dict[str, Any] = {}
    for claim, value in job(result.parent):
        assert claim not in claims, claim
        claims[claim] = value
        dist.barrier()
    said: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(said, claims)
    if dist.get_rank() == 0:
        result.write_text(json.dumps(said, indent=1))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
