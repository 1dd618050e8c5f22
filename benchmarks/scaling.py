"""What one iteration costs each of 1, 2 and 4 processes, and what that says of 8, 64 and 512 GPUs.

    python benchmarks/scaling.py

Every run does the same iteration: sample 256 digit problems with the embedded engine, score with a PRM, select, gather
the epoch's examples. CPU seconds are counted, not the clock: processes that share two cores wait for each other, but
do not compute more. What is left besides sampling and scoring is shown for rank 0, which reads and writes the ledger
for all, and for the busiest of the others, who only work on their share. The time model at the end is arithmetic on
these two columns and on assumptions about GPUs, `ASSUMED`, which were not measured; docs/scaling.md says what it
leaves out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import distributed as dist

from lit_mstar import Backbone, PolicyModule, Problem, ProcessRewardModule, Rollout, TinyBackbone
from lit_mstar.callbacks import PRMFilter
from lit_mstar.data import DigitsSource, SelfEvolvingDataModule
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler

ASSUMED = {  # of a model of 8 billion weights at bfloat16 on one 80 GB GPU, and of the paper's iteration
    "problems": 45_000,
    "responses per problem": 16,
    "tokens per response": 300,
    "tokens per training example": 700,  # with prompt and image
    "sampled tokens per second": 2_500,
    "scored tokens per second": 20_000,
    "trained tokens per second": 3_000,
}


class Timed(TransformersSampler):
    """Counts problems and CPU seconds."""

    problems, seconds = 0, 0.0

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        stream = super().sample(problems, sampling, prefixes)
        while True:
            before = time.process_time()
            item = next(stream, None)
            self.seconds += time.process_time() - before
            if item is None:
                return
            self.problems += 1
            yield item


class TimedPRM(ProcessRewardModule):
    """Counts responses and CPU seconds."""

    responses, seconds = 0, 0.0

    def score(self, rollouts: Sequence[Rollout]) -> list[list[list[float]]]:
        before = time.process_time()
        scores = super().score(rollouts)
        self.seconds += time.process_time() - before
        self.responses += sum(len(rollout.responses) for rollout in rollouts)
        return scores


def build(folder: Path) -> None:
    """A policy and a PRM with random weights."""
    torch.manual_seed(0)
    corpus = ["What is the sum of the two digits?", "Step 1: The first digit is 3.\nAnswer: 7"]
    for name in ("policy", "prm"):
        module: Any = (PolicyModule if name == "policy" else ProcessRewardModule)(TinyBackbone(corpus=corpus))
        module.configure_model()
        module.save(folder / name)


def one_rank(folder: Path, problems: int) -> None:
    """This rank's part of an iteration; its figures go to a file."""
    torch.set_num_threads(1)
    ranks = int(os.environ["WORLD_SIZE"])
    sampler, scoring = Timed(), PRMFilter(str(folder / "prm"))
    policy = PolicyModule(Backbone(str(folder / "policy")), sampler)
    source = DigitsSource(train=problems, validate=0, test=0)
    data = SelfEvolvingDataModule(source, SamplingParams(n=16, max_tokens=48), interval=1.0, patience=1)
    spent: list[float] = []
    data._fruitful = lambda finished: measured(data, scoring, spent)  # type: ignore[method-assign]  # nothing to learn
    trainer = Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        max_epochs=1,
        limit_val_batches=0,
        reload_dataloaders_every_n_epochs=1,
        default_root_dir=folder / f"ranks-{ranks}",
        callbacks=[scoring],
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    with suppress(StopIteration):
        trainer.fit(policy, datamodule=data)
    prm: Any = scoring._prm
    figures = {
        "problems": sampler.problems,
        "sampling": sampler.seconds,
        "responses": prm.responses,
        "scoring": prm.seconds,
        "rest": spent[0] - sampler.seconds - prm.seconds,
    }
    (folder / f"{ranks}-{os.environ['RANK']}.json").write_text(json.dumps(figures))


def measured(data: SelfEvolvingDataModule, scoring: PRMFilter, spent: list[float]) -> Any:
    """One iteration up to the examples; ends the run."""
    assert scoring._prm is not None  # noqa: S101
    scoring._prm.__class__ = TimedPRM
    before = time.process_time()
    data._learn_from(data.generate(0))
    spent.append(time.process_time() - before)
    raise StopIteration


def run(ranks: int, folder: Path, problems: int) -> dict[str, float]:
    """The largest figure of any rank; what is left over of rank 0, and the largest of the others."""
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), __file__]
    options = ["--rank-of", str(folder), "--problems", str(problems)]
    subprocess.run([*line, *options], check=True, capture_output=True, text=True)  # noqa: S603
    found = [json.loads((folder / f"{ranks}-{rank}.json").read_text()) for rank in range(ranks)]
    assert sum(figures["problems"] for figures in found) == problems  # noqa: S101
    rest = [figures.pop("rest") for figures in found]
    largest = {name: max(figures[name] for figures in found) for name in found[0]}
    return largest | {"rank 0": rest[0], "others": max(rest[1:], default=0.0)}


def modelled(gpus: int, zero: float, share: float) -> dict[str, float]:
    """Seconds of an iteration on so many GPUs, one process each.

    Args:
        gpus: How many.
        zero: CPU seconds per response of what rank 0 does for all, measured here.
        share: The same of what every rank does with its share.
    """
    a = ASSUMED
    responses = a["problems"] * a["responses per problem"]
    tokens = responses * a["tokens per response"]
    piece = min(512 / a["responses per problem"], a["problems"] / (8 * gpus))  # problems: what a rank takes last
    rate = a["sampled tokens per second"]
    return {
        "sample": tokens / rate / gpus,
        "wait for the last": piece * a["responses per problem"] * a["tokens per response"] / rate,
        "score": tokens / a["scored tokens per second"] / gpus,
        "train": 2 * a["problems"] * a["tokens per training example"] / a["trained tokens per second"] / gpus,
        "shares": responses * share / gpus,
        "rank 0": responses * zero,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=256)
    parser.add_argument("--rank-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank_of:
        one_rank(options.rank_of, options.problems)
        if dist.is_initialized():
            dist.destroy_process_group()
        return
    columns = ("problems sampled by one", "responses scored", "sampling, CPU s", "scoring", "rank 0, rest")
    print(f"| processes | {' | '.join(columns)} | others, rest |")
    print("|---" * (len(columns) + 2) + "|")
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        for ranks in (1, 2, 4):
            f = run(ranks, Path(folder), options.problems)
            cells = [f"{f['sampling']:.1f}", f"{f['scoring']:.1f}", f"{f['rank 0']:.2f}", f"{f['others']:.2f}"]
            print(f"| {ranks} | {f['problems']} | {f['responses']} | {' | '.join(cells)} |", flush=True)
    responses = 16 * options.problems
    measured = (f["rank 0"] - f["others"]) / responses, ranks * f["others"] / responses
    names = list(modelled(1, *measured))
    print(
        f"\nA model of the paper's iteration, in minutes; assumed: {ASSUMED}\n\n| GPUs | {' | '.join(names)} | in all |"
    )
    print("|---" * (len(names) + 2) + "|")
    for gpus in (8, 64, 512):
        seconds = modelled(gpus, *measured)
        cells = [f"{value / 60:.1f}" for value in (*seconds.values(), sum(seconds.values()))]
        print(f"| {gpus} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
