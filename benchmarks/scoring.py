"""Responses scored a second by `ProcessRewardModule.score`, against one padded forward pass per batch of responses.

    python benchmarks/scoring.py [--tokens 4] [--tokens 64]

Chains are drawn at T = 1 from a tiny policy that was briefly taught digits' worked examples, so their lengths and how
many of a problem's are equal are what an iteration meets; once with all of them, once with the different ones alone.
The peer collates whole rows (image, prompt, chain) in the order in which they come, in the batches that serve it best.
Both encode texts and images, and begin with nothing remembered. `of_limit`: the floating-point operations of our
forward passes over what this machine multiplies matrices with in the same time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import torch
from pairs import compare
from torch.utils.flop_counter import FlopCounterMode

from lit_mstar import Backbone, Problem, ProcessRewardModule, Rollout, TinyBackbone
from lit_mstar.data import DigitsSource
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.step_encoding import StepExample, collate_steps
from lit_mstar.modules.chain_scores import model_inputs
from lit_mstar.modules.likelihood import response_nll
from lit_mstar.modules.schedules import WarmupConstant
from lit_mstar.reasoning.steps import split_steps
from lit_mstar.samplers import SamplingParams, TransformersSampler

SIZES: dict[int, dict[str, Any]] = {  # image tokens: what makes 0.3 million weights, and 4 million
    4: {"image_size": 32},
    64: {"image_size": 128, "hidden_size": 256, "num_layers": 4, "num_heads": 4, "intermediate_size": 768},
}
BATCHES = (16, 32, 64, 128, 256)  # of the peer


def taught(backbone: Backbone, seeds: Sequence[Problem], steps: int) -> SimpleNamespace:
    """A policy that has seen `steps` batches of worked examples, at the rates of the quickstart's first stage."""
    model, encoder = backbone.load_model(), backbone.encoder
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = WarmupConstant(optimizer, warmup_steps=20, decay_start=7 * steps // 10, decay_steps=3 * steps // 10)
    for _ in range(steps):
        batch = [seeds[i] for i in torch.randint(len(seeds), (32,)).tolist()]
        total, count = response_nll(model, encoder.collate(batch, [encoder.response_ids(p.reasoning) for p in batch]))
        optimizer.zero_grad()
        (total / count).backward()
        optimizer.step()
        schedule.step()
    return SimpleNamespace(model=model, encoder=encoder)


def drawn(policy: SimpleNamespace, problems: Sequence[Problem], n: int) -> list[Rollout]:
    sampler = TransformersSampler(batch_size=1024)
    sampler.load_policy(policy)
    found = dict(sampler.sample(problems, SamplingParams(n=n, temperature=1.0, max_tokens=40)))
    for rollout in found.values():
        for response in rollout.responses:
            response.steps = split_steps(response.text)
    return [found[i] for i in range(len(problems))]


def different(rollout: Rollout) -> Rollout:
    return replace(rollout, responses=list({tuple(x.steps): x for x in rollout.responses}.values()))


@torch.no_grad()
def padded(prm: ProcessRewardModule, encoder: Encoder, rollouts: Sequence[Rollout], size: int) -> list[list[float]]:
    """The scores of all responses by one forward pass over whole rows for each `size` of them."""
    examples = [StepExample(x.problem, r.steps, [0.0] * len(r.steps)) for x in rollouts for r in x.responses]
    scores: list[list[float]] = []
    for start in range(0, len(examples), size):
        block = examples[start : start + size]
        found = prm(**model_inputs(collate_steps(encoder, block))).sigmoid().tolist()
        scores += [row[: len(example.steps)] for row, example in zip(found, block, strict=True)]
    return scores


def rate(work: Callable[[], object], responses: int) -> float:
    start = time.perf_counter()
    work()
    return responses / (time.perf_counter() - start)


def matmul_rate(size: int = 1024) -> float:
    """Floating-point operations a second of this machine's matrix product."""
    a = torch.randn(size, size)
    return max(rate(lambda: a @ a, 2 * size**3) for _ in range(8))


def measure(tokens: int, rollouts: list[Rollout], corpus: list[str], what: str, pairs: int) -> None:
    torch.manual_seed(0)
    backbone = TinyBackbone(corpus=corpus, vocab_size=480, **SIZES[tokens])
    prm = ProcessRewardModule(backbone)
    prm.configure_model()
    prm.eval()
    plain = Encoder(backbone.processor)  # remembers no prompt
    responses = sum(len(x.responses) for x in rollouts)

    def ours() -> float:
        backbone.__dict__.pop("encoder", None)  # and what it remembers
        return rate(lambda: prm.score(rollouts), responses)

    def theirs(size: int) -> float:
        return rate(lambda: padded(prm, plain, rollouts, size), responses)

    found = [scores for of_rollout in prm.score(rollouts) for scores in of_rollout]
    expected = padded(prm, plain, rollouts, 64)
    differ = max(abs(a - b) for x, y in zip(found, expected, strict=True) for a, b in zip(x, y, strict=True))
    best = max(BATCHES, key=theirs)
    with FlopCounterMode(display=False) as counter:
        prm.score(rollouts)
    seconds = responses / max(ours() for _ in range(3))
    compare(
        f"scoring, {tokens} image tokens, {what}",
        ours,
        lambda: theirs(best),
        bar=3,
        better="more",
        peer="one padded forward pass per batch",
        pairs=pairs,
        of_limit=counter.get_total_flops() / seconds / matmul_rate(),
        weights=sum(p.numel() for p in prm.model.parameters()),
        responses=responses,
        responses_a_problem=responses / len(rollouts),
        equal_share=1 - sum(len(different(x).responses) for x in rollouts) / responses,
        chain_tokens=fmean(len(backbone.encoder.text_ids("\n".join(r.steps))) for x in rollouts for r in x.responses),
        peer_batch=best,
        largest_difference=differ,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, default=16)
    parser.add_argument("--problems", type=int, default=64)
    parser.add_argument("--steps", type=int, default=500, help="how long the policy is taught")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--tokens", type=int, action="append", choices=[*SIZES])
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    source = DigitsSource(seed=800, train=options.problems)
    seeds = source.problems("seed")
    corpus = [seeds[0].question, *(str(p.reasoning) for p in seeds)]
    policy = taught(TinyBackbone(corpus=corpus, vocab_size=480), seeds, options.steps)
    rollouts = drawn(policy, source.problems("train"), options.responses)
    for tokens in options.tokens or [*SIZES]:
        measure(tokens, rollouts, corpus, "as drawn", options.pairs)
        measure(tokens, [different(x) for x in rollouts], corpus, "different chains alone", options.pairs)


if __name__ == "__main__":
    main()
