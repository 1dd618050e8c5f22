"""Time per problem and peak memory of an iteration's data path, with 100 times as many problems over one time.

    python benchmarks/growth.py             # two rows
    python benchmarks/growth.py --shapes    # memory, too, where it is the responses per problem that grow

Each figure is a process of its own: `fit` over one iteration (sampling into the ledger, marking, scoring, selecting,
dynamics, sample table, the epoch's examples), with responses that cost nothing to make and one training step. Only
the engine and the model are small; everything that holds responses is what a real run uses. Time is the processor's,
so what else runs beside does not count: that of a further problem between 10 and 100 times as many, over that between
once and 10 times as many. What an iteration costs however small it is, such as its one step, so flatters neither.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pairs
import torch
from lightning.pytorch import LightningModule, Trainer

from lit_mstar import EvolutionCallback, Iteration, PolicyModule, Problem, Response, Rollout, TinyBackbone
from lit_mstar.callbacks import SampleTable, TrainingDynamics
from lit_mstar.data import ProblemSource, SelfEvolvingDataModule, Split
from lit_mstar.rewards.selection import TopK
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Sampler


class Sums(ProblemSource):
    """So many problems without images."""

    def __init__(self, count: int) -> None:
        self.count = count

    def problems(self, split: Split) -> list[Problem]:
        count = self.count if split == "train" else 0
        return [Problem(id=f"p{i}", question=f"{i} + {i}?", answer=str(2 * i)) for i in range(count)]


class Babble(Sampler):
    """Random chains of about 300 characters; three in four end right."""

    def load_policy(self, policy: Any) -> None:
        self.encoder = policy.encoder

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        draw = random.Random(0)
        for position, problem in enumerate(problems):
            responses = []
            for _ in range(sampling.n):
                steps = [f"Step {k}: {draw.getrandbits(200):x}" for k in range(1, 6)]
                answer = problem.answer if draw.random() < 0.75 else "none"
                text = "\n".join([*steps, f"Answer: {answer}"])
                ids = [draw.randrange(6, 200) for _ in range(200)]
                responses.append(Response(text=text, token_ids=ids, temperature=sampling.temperature))
            yield position, Rollout(problem=problem, responses=responses)


class Scores(EvolutionCallback):
    """Random scores, and the top two of the correct: what `PRMFilter` writes."""

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        draw = random.Random(1)
        for rollout in iteration.rollouts:
            for response in rollout.responses:
                response.step_scores = [draw.random() for _ in response.steps]
                response.score = min(response.step_scores)
            rollout.selected = TopK(k=2)(rollout)


def one(problems: int, n: int) -> tuple[int, float]:
    """Peak resident memory of this process after one iteration, in bytes, and the processor's seconds for it."""
    torch.set_num_threads(1)
    policy = PolicyModule(TinyBackbone(corpus=["What is it?"]), Babble())
    data = SelfEvolvingDataModule(Sums(problems), SamplingParams(n=n), interval=1.0, batch_size=4)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=1,
            limit_train_batches=1,
            reload_dataloaders_every_n_epochs=1,
            default_root_dir=folder,
            callbacks=[Scores(), TrainingDynamics(), SampleTable()],
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
        )
        start = time.process_time()
        trainer.fit(policy, datamodule=data)
        spent = time.process_time() - start
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, spent


def measured(problems: int, n: int) -> tuple[int, float]:
    """`one` in a process of its own."""
    line = [sys.executable, str(Path(__file__)), "--one", str(problems), str(n)]
    said = subprocess.run(line, check=True, capture_output=True, text=True).stdout  # noqa: S603
    memory, spent = json.loads(said.splitlines()[-1])
    return memory, spent


def turn(problems: int, n: int) -> dict[str, tuple[float, float]]:
    """(ours, theirs) of both rows: of 100 times as many problems, and of so many."""
    memory, spent = zip(*(measured(times * problems, n) for times in (1, 10, 100)), strict=True)
    small, large = (spent[1] - spent[0]) / (9 * problems), (spent[2] - spent[1]) / (90 * problems)
    return {"time": (large, small), "memory": (memory[2], memory[0])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=64)
    parser.add_argument("-n", type=int, default=8, help="responses per problem")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--shapes", action="store_true")
    parser.add_argument("--one", type=int, nargs=2, metavar=("PROBLEMS", "N"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.one:
        print(json.dumps(one(*options.one)))
        return
    p, n = options.problems, options.n
    found = [turn(p, n) for _ in range(options.pairs)]
    about = {"problems": p, "responses": n}
    peer = f"itself with {p} problems"
    pairs.row("growth x100: seconds per problem", [f["time"] for f in found], 1.05, peer, **about)
    pairs.row("growth x100: peak memory, bytes", [f["memory"] for f in found], 1.2, peer, **about)
    if options.shapes:
        base = measured(p, n)[0]
        print("| problems | responses each | peak memory, MB | growth |\n|---|---|---|---|")
        for problems, each in ((p, 100 * n), (10 * p, 10 * n), (100 * p, n)):
            memory = measured(problems, each)[0]
            print(f"| {problems} | {each} | {memory / 1e6:.0f} | {memory / base - 1:+.1%} |", flush=True)


if __name__ == "__main__":
    main()
