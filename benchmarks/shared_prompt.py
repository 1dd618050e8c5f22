"""How much encoding prompt and image once for N responses gains, as a ratio in the same run.

    python benchmarks/shared_prompt.py

Both ways draw the same responses from the same random numbers, so the ratio is the prompt's alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from types import SimpleNamespace

import torch

from lit_mstar import Problem, TinyBackbone
from lit_mstar.data import DigitsSource
from lit_mstar.samplers import SamplingParams, TransformersSampler


def seconds(work: Callable[[], object], repeats: int) -> float:
    work()  # warm up
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def sampling_ratio(backbone: TinyBackbone, problems: list[Problem], n: int, repeats: int) -> float:
    """Seconds of N independent prompts over those of one shared prompt."""
    model = backbone.load_model()
    sampling = SamplingParams(n=n, temperature=1.0, max_tokens=32)

    def sample(share_prompt: bool) -> None:
        sampler = TransformersSampler(batch_size=n * len(problems), share_prompt=share_prompt)
        sampler.load_policy(SimpleNamespace(model=model, encoder=backbone.encoder))
        list(sampler.sample(problems, sampling))

    return seconds(lambda: sample(False), repeats) / seconds(lambda: sample(True), repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, default=16)
    parser.add_argument("--problems", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    problems = DigitsSource(train=options.problems).problems("train")
    print("image tokens  sampling   (times faster than encoding the prompt for every response; scoring: scoring.py)")
    for image_size in (32, 64, 128):
        torch.manual_seed(0)
        backbone = TinyBackbone(corpus=[problem.question for problem in problems], image_size=image_size)
        ratio = sampling_ratio(backbone, problems, options.responses, options.repeats)
        print(f"{(image_size // 16) ** 2:>12}  {ratio:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
