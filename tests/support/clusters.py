"""A Ray cluster of several nodes on this machine, and an engine that notes what it does."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from lit_mstar.rollouts.nouns import Problem, Rollout, SamplingParams
from lit_mstar.samplers import TransformersSampler
from support.helpers import make_tiny_backbone

# Ray's own: on loopback, and nothing about this run goes anywhere.
os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}


@contextmanager
def cluster(nodes: int = 3) -> Iterator[Any]:
    """Nodes with one CPU each, the first of which is the driver's."""
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            made.add_node(num_cpus=1)
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def ray_policy(seed: int = 0) -> Any:
    """A random policy with what replicas make theirs from."""
    torch.manual_seed(seed)
    backbone = make_tiny_backbone()
    model = backbone.load_model()
    with torch.no_grad():
        model.lm_head.weight.mul_(12)
    return SimpleNamespace(model=model, encoder=backbone.encoder, backbone=backbone)


class NotingSampler(TransformersSampler):
    """The embedded engine; its process's file says which problems it was given, and which it finished.

    Args:
        folder: Where the files go, one a process.
        fatal: Ids of problems at which the process ends.
    """

    def __init__(self, folder: str, fatal: Sequence[str] = ()) -> None:
        super().__init__()
        self.folder = folder
        self.fatal = list(fatal)

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        with open(f"{self.folder}/{os.getpid()}", "a", buffering=1) as log:
            for problem in problems:
                log.write(f"given {problem.id}\n")
            for place, problem in enumerate(problems):
                if problem.id in self.fatal:
                    os.kill(os.getpid(), signal.SIGKILL)
                for _, rollout in super().sample(
                    [problem], sampling, prefixes[place : place + 1] if prefixes else None
                ):
                    log.write(f"finished {problem.id}\n")
                    yield place, rollout


def noted(folder: Path, what: str) -> Counter[str]:
    """How often each problem was "given" or "finished", in all processes."""
    lines = [line for file in folder.iterdir() for line in file.read_text().splitlines()]
    return Counter(line.split()[1] for line in lines if line.startswith(what))


def processes(folder: Path) -> list[int]:
    """The processes that have sampled, in the order of their numbers."""
    return sorted(int(file.name) for file in folder.iterdir())
