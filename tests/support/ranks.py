"""Several real processes: `run` starts a job once per rank and returns what each of them says.

A job is a function of a folder that yields claims, (name, value) with a value that JSON can hold, on every rank in the
same order. Each rank is `python -m support.ranks MODULE:JOB RESULT` with the environment that torchrun would give it.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from support.helpers import free_port
from support.zygote import Started

TESTS = Path(__file__).parents[1]

Job = Callable[[Path], Iterator[tuple[str, Any]]]


def run(job: Job, ranks: int, folder: Path) -> list[dict[str, Any]]:
    """Runs a job on so many processes, with files in a folder; returns every rank's claims."""
    result, port = folder / f"{job.__name__}.json", free_port()
    arguments, world = [f"{job.__module__}:{job.__name__}", str(result)], {"WORLD_SIZE", "LOCAL_WORLD_SIZE"}
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "tests", "GROUP_RANK": "0"}
    common |= dict.fromkeys(world, str(ranks))
    started = [
        Started(arguments, TESTS, module="support.ranks", variables=common | {"RANK": rank, "LOCAL_RANK": rank})
        for rank in map(str, range(ranks))
    ]
    with ThreadPoolExecutor(ranks) as pool:
        outputs = list(pool.map(lambda one: one.communicate(600)[0], started))
    assert [one.returncode for one in started] == [0] * ranks, "\n".join(outputs)[-8000:]
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
    gc.collect()  # models hold on to the process group, which is to go last
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
