"""A Ray cluster of several nodes on this machine, and an engine that notes what it does."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist

from lit_mstar.rollouts.nouns import Problem, Rollout, SamplingParams
from lit_mstar.samplers import RaySampler, TransformersSampler
from support.engines import VARIED, tokens
from support.evolving import evolving
from support.faults import SelectAll
from support.helpers import make_tiny_backbone
from support.scripted import make_evolver, make_policy

# Ray's own: on loopback, and nothing about this run goes anywhere.
os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}


@contextmanager
def cluster(nodes: int = 3) -> Iterator[Any]:
    """Nodes with one CPU each, the first of which is the driver's."""
    import ray
    from ray.cluster_utils import Cluster

    sigterm = signal.getsignal(signal.SIGTERM)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            made.add_node(num_cpus=1)
        yield made
    finally:
        ray.shutdown()
        made.shutdown()
        signal.signal(signal.SIGTERM, sigterm)  # nodes that begin in this process take it


def ray_policy(seed: int = 0) -> Any:
    """A random policy with what replicas make theirs from."""
    torch.manual_seed(seed)
    backbone = make_tiny_backbone()
    model = backbone.load_model()
    with torch.no_grad():
        model.lm_head.weight.mul_(12)
    return SimpleNamespace(model=model, encoder=backbone.encoder, backbone=backbone)


class NotingSampler(TransformersSampler):
    """The embedded engine, one problem after the other; its process's file says which it was given, and finished.

    Args:
        folder: Where the files go, one a process. The file "fatal", if it is there, has ids of problems at which the
            process ends.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = Path(folder)

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        fatal = self.folder / "fatal"
        ends = fatal.read_text().split() if fatal.exists() else []
        with (self.folder / f"{os.getpid()}.log").open("a", buffering=1) as log:
            log.writelines(f"given {problem.id}\n" for problem in problems)
            for place, problem in enumerate(problems):
                if problem.id in ends:
                    os.kill(os.getpid(), signal.SIGKILL)
                for _, rollout in super().sample([problem], sampling, prefixes and [prefixes[place]]):
                    log.write(f"finished {problem.id}\n")
                    yield place, rollout


def noted(folder: Path, what: str) -> Counter[str]:
    """How often each problem was "given" or "finished", in all processes."""
    lines = [line for file in folder.glob("*.log") for line in file.read_text().splitlines()]
    return Counter(line.split()[1] for line in lines if line.startswith(what))


def processes(folder: Path) -> list[int]:
    """The processes that have sampled, in the order of their numbers."""
    return sorted(int(file.stem) for file in folder.glob("*.log"))


class Ending(RaySampler):
    """Its process is killed when it has so many rollouts."""

    end_at = 0

    def sample(self, *args: Any, **kwargs: Any) -> Iterator[tuple[int, Rollout]]:
        for count, found in enumerate(super().sample(*args, **kwargs), start=1):
            if count == self.end_at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield found


def evolve(folder: Path, sampler: Any, **options: Any) -> None:
    """One iteration of 48 problems, 32 responses each: a part of the ledger has 16 problems."""
    data = evolving(96, sampling=SamplingParams(n=32, max_tokens=4), batch_size=64)
    trainer = make_evolver(folder, limit_train_batches=1, callbacks=[SelectAll()], **options)
    trainer.fit(make_policy(sampler), datamodule=data)


def ranks_job(folder: Path) -> Iterator[tuple[str, Any]]:
    """Two ranks without a folder in common and one replica, on a cluster that rank 0 starts."""
    mine = dist.get_rank()
    sampler = RaySampler(TransformersSampler(), at_once=4)
    parallel = {"devices": 2, "strategy": "ddp_find_unused_parameters_true"}
    policy, one = ray_policy(), TransformersSampler()
    signal.signal(signal.SIGTERM, handler := lambda *_: None)
    sampler.load_policy(policy)
    yield "SIGTERM is the trainer's", signal.getsignal(signal.SIGTERM) is handler
    evolve(folder / f"rank-{mine}", sampler, **parallel)
    yield "files", sorted(file.name for file in (folder / f"rank-{mine}/rollouts").glob("iteration=*/*.parquet"))
    sampler.load_policy(policy)
    one.load_policy(policy)
    asked = [replace(problem, id=f"{problem.id} {mine}") for problem in VARIED[:12]]  # both at the same time
    drawn = {"n": 2, "temperature": 1.0, "max_tokens": 8}
    yield "each its own", tokens(sampler, asked, **drawn) == tokens(one, asked, **drawn)
    sampler.close()


def main() -> None:
    """Arguments: a cluster's address, the run's folder, the engine's, and after how many rollouts the process ends."""
    address, folder, notes, end_at = sys.argv[1:]
    sampler = Ending(NotingSampler(notes), replicas=2, address=address, at_once=4)
    sampler.end_at = int(end_at)
    evolve(Path(folder), sampler)


if __name__ == "__main__":
    main()
