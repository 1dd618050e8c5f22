"""What self-evolution changes in the quickstart's policy: format, reading or arithmetic?

    python benchmarks/what_is_learned.py runs/benchmark/quickstart-*/*/model

Greedy responses of exported policies to 1,000 test problems that no recipe uses: share with the right format, share of
digits read right, share that add up correctly the digits they name (of those with the right format), accuracy.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace

import torch

from lit_mstar import Backbone, Response, Rollout
from lit_mstar.data import DigitsSource
from lit_mstar.reasoning.marking import Marker
from lit_mstar.samplers import SamplingParams, TransformersSampler

NUMBERS = re.compile(r"\d+")


def adds_up(response: Response) -> bool:
    """Whether the last step adds the digits of the first two, and the answer is its sum."""
    named = [NUMBERS.findall(step)[-1] for step in response.steps[:2]]
    _, first, second, total = NUMBERS.findall(response.steps[2])
    return [first, second] == named and int(total) == int(first) + int(second) and response.answer == total


def formatted(response: Response) -> bool:
    """Three steps with one, one and three numbers after their own, and an answer."""
    counts = [len(NUMBERS.findall(step)) for step in response.steps]
    return counts == [2, 2, 4] and response.answer is not None


def report(folder: str, source: DigitsSource) -> str:
    backbone, marker = Backbone(folder), Marker()
    sampler = TransformersSampler()
    sampler.load_policy(SimpleNamespace(model=backbone.load_model(), encoder=backbone.encoder))
    sampling = SamplingParams(n=1, temperature=0, max_tokens=40)
    rollouts: list[Rollout] = [marker.mark(r) for _, r in sampler.sample(source.problems("test"), sampling)]
    good = [rollout for rollout in rollouts if formatted(rollout.responses[0])]
    reads = [read for r in good for read in source.judge_steps(r.problem, r.responses[0].steps)[:2]]
    shares = {
        "format": len(good) / len(rollouts),
        "digits read": fmean(reads),
        "adds up": fmean(adds_up(rollout.responses[0]) for rollout in good),
        "accuracy": fmean(rollout.responses[0].correct is True for rollout in rollouts),
    }
    return "  ".join(f"{name} {share:.1%}" for name, share in shares.items())


def main() -> None:
    torch.set_num_threads(1)
    source = DigitsSource(test=1000, random_state=12345)
    for folder in sys.argv[1:]:
        if (Path(folder) / "model.safetensors").is_file() and not (Path(folder) / "prm_head.safetensors").is_file():
            print(f"{folder}: {report(folder, source)}", flush=True)


if __name__ == "__main__":
    main()
