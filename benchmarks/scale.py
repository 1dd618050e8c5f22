"""Sampling on Ray against as many bare engines, and what one driver takes in, in time and memory.

    python benchmarks/scale.py                         # pip install 'lit-mstar[ray]'; half an hour
    python benchmarks/scale.py --only replicas         # or driver, memory

Engines are scripted (scripted.py): what is measured is everything else. "replicas": 1, 2, 4 replicas that take 100 ms
per problem, against as many processes without Ray, each with its share known beforehand. "driver": replicas that
answer at once; what one process takes in of it, into a ledger and without, over what 512 GPUs would say that sample as
docs/scaling.md assumes. Replicas and driver share the machine: on few cores the driver could do more than is seen, so
its own processor seconds are given, too. "memory": peak of the driver's process at the end, over that after a tenth.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from pairs import row
from scaling import ASSUMED
from scripted import N, ScriptedSampler, policy, problems

from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import Iteration, Problem, Rollout, SamplingParams
from lit_mstar.samplers import RaySampler

SAMPLING = SamplingParams(n=N, max_tokens=1024)
PACE = 0.1  # seconds per problem
PER_GPU = ASSUMED["sampled tokens per second"] / ASSUMED["tokens per response"]  # responses per second
GPUS = 512


def ray_sampler(seconds: float, replicas: int) -> RaySampler:
    """Replicas that are there and loaded, and need no core of their own."""
    sampler = RaySampler(ScriptedSampler(seconds), replicas, {"CPU": 0.1})
    sampler.load_policy(policy())
    while sampler.metrics()["replicas"] < replicas:
        for _ in sampler.sample(problems(8 * replicas, images=False), SAMPLING):
            pass
    return sampler


def on_ray(sampler: RaySampler, asked: list[Problem]) -> float:
    """Tokens per second."""
    begun = time.monotonic()
    tokens = sum(_tokens(rollout) for _, rollout in sampler.sample(asked, SAMPLING))
    return tokens / (time.monotonic() - begun)


def bare(count: int, engines: int) -> float:
    """Tokens per second of so many processes, from when all are ready until the last has said all."""
    line = [sys.executable, __file__, "--bare"]
    shares = [[*line, str(first), str(engines), str(count)] for first in range(engines)]
    running = [subprocess.Popen(share, stdin=-1, stdout=-1, text=True) for share in shares]  # noqa: S603
    for process in running:
        assert process.stdout is not None  # noqa: S101
        process.stdout.readline()
    begun = time.monotonic()
    for process in running:
        assert process.stdin is not None  # noqa: S101
        process.stdin.write("go\n")
        process.stdin.flush()
    tokens = sum(int(process.stdout.readline()) for process in running)  # type: ignore[union-attr]
    spent = time.monotonic() - begun
    for process in running:
        process.communicate()
    return tokens / spent


def one_bare(first: int, engines: int, count: int) -> None:
    """An engine with its share; begins when it is told to."""
    engine, share = ScriptedSampler(PACE), problems(count)[first::engines]
    engine.load_policy(None)
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(_tokens(rollout) for _, rollout in engine.sample(share, SAMPLING)), flush=True)


def measure_replicas(options: argparse.Namespace) -> None:
    """The first rows."""
    for replicas in (1, 2, 4):
        count = options.problems * replicas
        asked, sampler = problems(count), ray_sampler(PACE, replicas)
        found = [(on_ray(sampler, asked), bare(count, replicas)) for _ in range(options.pairs)]
        sampler.close()
        what, peer = f"sampling on Ray, {replicas} replicas: tokens/s", "as many bare engines, shares known beforehand"
        row(what, found, 0.95, peer, "more", pace=PACE, problems=count)


def counted(sampler: RaySampler, asked: list[Problem], spent: list[float]) -> Iterator[Rollout]:
    """Rollouts, as they come; notes the driver's processor seconds and its peak memory after a tenth."""
    before = time.process_time()
    for number, (_, rollout) in enumerate(sampler.sample(asked, SAMPLING)):
        if number == len(asked) // 10:
            spent.append(_peak())
        yield rollout
    spent.append(time.process_time() - before)


def taken(sampler: RaySampler, count: int, kept: bool) -> tuple[float, float, float]:
    """Responses per second, the driver's own seconds per response, peak memory over that after a tenth."""
    asked, spent = problems(count, images=False), []  # type: ignore[var-annotated]
    iteration = Iteration(index=0, problems=asked, sampling=SAMPLING)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        if kept:
            ledger = Ledger(Path(folder))
            ledger.begin(iteration, "scale")
            ledger.fill(iteration, counted(sampler, asked, spent))
        else:
            for _ in counted(sampler, asked, spent):
                pass
        seconds = time.monotonic() - begun
    return N * count / seconds, spent[1] / (N * count), _peak() / spent[0]


def measure_driver(options: argparse.Namespace) -> None:
    """Two rows: with the ledger, and without."""
    sampler, demand = ray_sampler(0.0, options.replicas), PER_GPU * GPUS
    taken(sampler, 500, kept=True)
    turns = [(taken(sampler, options.many, kept=True), taken(sampler, options.many, kept=False)) for _ in range(3)]
    sampler.close()
    peer = (
        f"{GPUS} GPUs of {ASSUMED['sampled tokens per second']} tokens/s, {ASSUMED['tokens per response']} a response"
    )
    for what, found in zip(("into a ledger", "not kept"), zip(*turns, strict=True), strict=True):
        own = sorted(seconds for _, seconds, _ in found)[1]
        about = {"replicas": options.replicas, "driver's own seconds per response": own}
        about["GPUs, by the clock"] = sorted(rate for rate, *_ in found)[1] / PER_GPU
        about["GPUs, by its own seconds"] = 1 / own / PER_GPU
        row(f"one driver, {what}: responses/s", [(f[0], demand) for f in found], 1.0, peer, "more", **about)


def measure_memory(options: argparse.Namespace) -> None:
    """One row, of one long run in a process of its own."""
    sampler = ray_sampler(0.0, options.replicas)
    rate, own, growth = taken(sampler, options.responses // N, kept=True)
    sampler.close()
    about = {"responses": options.responses, "responses/s": rate, "driver's own seconds per response": own}
    peak = _peak()
    row("driver's peak memory, 10 times the responses", [(peak, peak / growth)], 1.2, "itself after a tenth", **about)


def _tokens(rollout: Rollout) -> int:
    return sum(len(response.token_ids) for response in rollout.responses)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts: dict[str, Any] = {"replicas": measure_replicas, "driver": measure_driver, "memory": measure_memory}
    parser.add_argument("--only", choices=parts)
    parser.add_argument("--problems", type=int, default=100, help="of each replica")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--replicas", type=int, default=2, help="that answer at once")
    parser.add_argument("--many", type=int, default=3000, help="problems of a turn that the driver takes in")
    parser.add_argument("--responses", type=int, default=1_000_000)
    parser.add_argument("--bare", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.bare:
        one_bare(*options.bare)
    elif options.only:
        parts[options.only](options)
    else:
        for name in parts:  # processes of their own: a peak is a process's
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--only", name], check=True)  # noqa: S603


if __name__ == "__main__":
    main()
