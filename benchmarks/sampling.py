"""Generated tokens per second of the embedded engine, over transformers' `generate(num_return_sequences=16)`.

    python benchmarks/sampling.py                             # two sizes of a tiny model on a CPU
    python benchmarks/sampling.py --model FOLDER --device cuda

The peer gets its best batch of several, prompts padded on the left as its users do; ours has default settings. Models
are taught for a moment first, so that they end their responses, at different lengths, as real ones do. A problem is
sampled once: what is gained by sampling it again is in `iterations_again.py`.
"""

from __future__ import annotations

import argparse
import time
from itertools import chain
from types import SimpleNamespace
from typing import Any

import torch
from pairs import compare
from taught import SIZES, mixed_problems, taught

from lit_mstar import Backbone, Problem
from lit_mstar.samplers import SamplingParams, TransformersSampler

BATCHES = (2, 4, 8)  # problems at once, for the peer


class Peer:
    """`generate` with N sequences a prompt, at the batch that is fastest for it."""

    def __init__(self, policy: Any, problems: list[Problem], sampling: SamplingParams) -> None:
        self.policy, self.problems, self.sampling = policy, problems, sampling
        policy.encoder.tokenizer.padding_side = "left"
        self.batch = max(BATCHES, key=self.rate)

    def rate(self, batch: int) -> float:
        policy, sampling, start, count = self.policy, self.sampling, time.perf_counter(), 0
        for at in range(0, len(self.problems), batch):
            inputs = policy.encoder.prompts(self.problems[at : at + batch])
            with torch.no_grad():
                found = policy.model.generate(
                    **{name: value.to(policy.model.device) for name, value in inputs.items()},
                    do_sample=True,
                    num_return_sequences=sampling.n,
                    max_new_tokens=sampling.max_tokens,
                    eos_token_id=policy.encoder.end_ids,
                    pad_token_id=policy.encoder.pad_id,
                )
            new = found[:, inputs["input_ids"].shape[1] :]
            ended = torch.isin(new, torch.tensor(policy.encoder.end_ids, device=new.device)).int()
            count += int((ended.cumsum(1) - ended == 0).sum())  # up to the first end, and with it
        return count / (time.perf_counter() - start)


def ours(policy: Any, problems: list[Problem], sampling: SamplingParams) -> float:
    sampler, start = TransformersSampler(), time.perf_counter()
    sampler.load_policy(policy)
    sampler._checked = (policy.model, *policy.ways)  # found out once per model, not once per turn
    found = chain.from_iterable(rollout.responses for _, rollout in sampler.sample(problems, sampling))
    return sum(len(response.token_ids) for response in found) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a Hugging Face folder; two tiny models by default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--problems", type=int, default=24)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    problems = mixed_problems(options.problems)
    sampling = SamplingParams(n=16, max_tokens=options.max_tokens)
    for size in [options.model] if options.model else SIZES:
        if options.model:
            backbone = Backbone(options.model, dtype="bfloat16" if options.device == "cuda" else "float32")
            policy: Any = SimpleNamespace(model=backbone.load_model().to(options.device), encoder=backbone.encoder)
        else:
            policy = taught(size)
        probe = TransformersSampler()
        probe.load_policy(policy)
        policy.ways = probe._ways()
        peer = Peer(policy, problems, sampling)
        about = {"size": size, "problems": len(problems), "peer batch": peer.batch * sampling.n}
        compare(
            f"sampling, embedded, {size}",
            lambda policy=policy: ours(policy, problems, sampling),
            lambda peer=peer: peer.rate(peer.batch),
            bar=2,
            better="more",
            peer="generate(num_return_sequences=16)",
            pairs=options.pairs,
            **about,
        )


if __name__ == "__main__":
    main()
