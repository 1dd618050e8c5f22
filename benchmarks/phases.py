"""Where two iterations of the quickstart spend their time: by phase, and by the parts that phases share.

    python benchmarks/phases.py

Stage 4 runs in this process with its callbacks, from shortened stages 1 to 3, and one temperature search. Its seams are
timed from outside. Phases add up to the whole; search includes what it samples, marks and scores. Parts lie inside
phases, search among them.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from pathlib import Path
from typing import Any

import torch
from stages import QUICKSTART, shortened

from lit_mstar import PolicyModule
from lit_mstar.callbacks import PRMFilter, TemperatureBalancer, TrainingDynamics
from lit_mstar.commands.cli import MStarCLI
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.reasoning.marking import Marker
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.samplers import TransformersSampler

PHASES = [
    ("search", TemperatureBalancer, "on_iteration_end"),
    ("scoring", PRMFilter, "on_rollouts_sampled"),
    ("dynamics", TrainingDynamics, "on_rollouts_sampled"),
    ("dynamics", TrainingDynamics, "on_iteration_end"),
    ("sampling, with marking and ledger", SelfEvolvingDataModule, "generate"),
    ("validation and test", PolicyModule, "validation_step"),
    ("validation and test", PolicyModule, "test_step"),
    ("training", PolicyModule, "training_step"),
    ("training", PolicyModule, "backward"),
    ("training", PolicyModule, "optimizer_step"),
]
PARTS = [
    ("sampler, without encoding", TransformersSampler, "sample"),
    ("prompts and images encoded", Encoder, "prompts"),
    ("examples and images encoded", Encoder, "collate"),
    ("marking", Marker, "mark"),
    ("ledger", Ledger, "fill"),
    ("ledger", Ledger, "read"),
    ("ledger", Ledger, "reward"),
]


class Clock:
    """Seconds by name, each without those of names inside it, unless it is one that takes in all that is inside."""

    def __init__(self, whole: str = "") -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.whole = whole
        self._open: list[list[Any]] = []  # names, and the seconds of those inside

    def call(self, name: str, work: Callable[[], Any]) -> Any:
        """Does the work, and counts its seconds."""
        if any(outer == self.whole for outer, _ in self._open):
            return work()
        start = time.perf_counter()
        self._open.append([name, 0.0])
        try:
            return work()
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] += spent - self._open.pop()[1]
            if self._open:
                self._open[-1][1] += spent

    def attach(self, name: str, owner: type, method: str) -> None:
        """Counts a method's seconds from now on; of a generator, those until each item."""
        inner = getattr(owner, method)

        @wraps(inner)
        def timed(*args: Any, **kwargs: Any) -> Any:
            return self.call(name, lambda: inner(*args, **kwargs))

        @wraps(inner)
        def timed_items(*args: Any, **kwargs: Any) -> Iterator[Any]:
            stream, end = inner(*args, **kwargs), object()
            while (item := self.call(name, lambda: next(stream, end))) is not end:
                yield item

        setattr(owner, method, timed_items if isgeneratorfunction(inner) else timed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, help="where stages 1 to 3 are, or will be; by default made and deleted")
    parser.add_argument("--iterations", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        models = shortened((options.models or Path(scratch, "models")).resolve())
        phases, parts = Clock(whole="search"), Clock()
        for clock, seams in ((parts, PARTS), (phases, PHASES)):
            for name, owner, method in seams:
                clock.attach(name, owner, method)
        recipe = Path(shutil.copytree(QUICKSTART, Path(scratch, "quickstart")))
        shared = recipe / "recipe.yaml"
        shared.write_text(shared.read_text().replace("runs: runs/$(folder)", f"runs: {scratch}/runs"))
        Path(scratch, "runs").mkdir()
        for stage in ("1-warmup", "3-prm"):
            Path(scratch, "runs", stage).symlink_to(models / stage)
        arguments = ["fit", "--config", str(recipe / "4-evolve.yaml"), "--trainer.logger", "false"]
        arguments += ["--trainer.max_epochs", str(options.iterations), "--trainer.enable_progress_bar", "false"]
        start = time.perf_counter()
        MStarCLI(args=arguments)
        whole = time.perf_counter() - start
    rest = whole - sum(phases.seconds.values())
    print(f"{options.iterations} iterations, {whole:.1f} seconds\n\n| phase | seconds | share |\n|---|--:|--:|")
    lines = [*sorted(phases.seconds.items(), key=lambda pair: -pair[1]), ("what is left: start, loading, saving", rest)]
    for name, seconds in lines:
        print(f"| {name} | {seconds:.1f} | {seconds / whole:.1%} |")
    print("\n| part, inside phases | seconds | share |\n|---|--:|--:|")
    for name, seconds in sorted(parts.seconds.items(), key=lambda pair: -pair[1]):
        print(f"| {name} | {seconds:.1f} | {seconds / whole:.1%} |")


if __name__ == "__main__":
    main()
