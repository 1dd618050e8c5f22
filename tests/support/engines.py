"""What tests of all engines share: problems of many lengths, policies that learn, their responses side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from scipy.stats import chisquare

from lit_mstar import Problem
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Sampler, TransformersSampler
from lit_mstar.samplers.engine import EngineSampler
from lit_mstar.samplers.request import make_request
from support.helpers import make_tiny_backbone, png

SMALL, WIDE, TALL = png(8, 8), png(48, 16, (0, 90, 200)), png(16, 40, (30, 200, 10))
_IMAGES = ((), (SMALL,), (WIDE,), (TALL, SMALL))
VARIED = [
    Problem(id=f"v{i}", question="What is the sum of " + "3 + " * i + "the two digits?", images=_IMAGES[i % 4])
    for i in range(64)
]


# What keeps a test's engine small.
SMALL_ENGINE = {"kv_cache_memory_bytes": 100_000_000, "max_num_seqs": 64, "max_num_batched_tokens": 1024}
OPTIONS: dict[str, Any] = {"max_images": 2, "engine": SMALL_ENGINE}


def make_policy(seed: int = 0, **sizes: int) -> Any:
    """A random model, far from uniform: equal logits would make greedy tokens a matter of rounding."""
    torch.manual_seed(seed)
    backbone = make_tiny_backbone(**sizes)
    model = backbone.load_model()
    with torch.no_grad():
        model.lm_head.weight.mul_(12)
    return SimpleNamespace(model=model, encoder=backbone.encoder)


def make_lora_policy(seed: int = 0, r: int = 4) -> Any:
    """The same with an adapter that does something."""
    policy = make_policy(seed)
    targets = r".*text_model.*\.(q_proj|v_proj|o_proj|up_proj|down_proj)"
    policy.model = get_peft_model(policy.model, LoraConfig(r=r, lora_alpha=8, target_modules=targets))
    shake(policy, seed + 1)
    return policy


def shake(policy: Any, seed: int) -> None:
    """Changes every trainable weight: what an optimizer's step does, and more of it."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                scale = max(0.05, 0.1 * float(parameter.std())) if parameter.numel() > 1 else 0.05
                parameter.add_(scale * torch.randn(parameter.shape, generator=generator))


def tokens(
    engine: Sampler, problems: Sequence[Problem], prefixes: Sequence[str] | None = None, **sampling: Any
) -> list[list[list[int]]]:
    """Token ids of every problem's responses, in order."""
    found = dict(engine.sample(problems, SamplingParams(**sampling), prefixes))
    assert sorted(found) == list(range(len(problems)))
    return [[response.token_ids for response in found[i].responses] for i in range(len(problems))]


def reference(policy: Any) -> TransformersSampler:
    """The embedded engine with a policy."""
    engine = TransformersSampler()
    engine.load_policy(policy)
    return engine


def greedy(engine: Sampler, problems: Sequence[Problem] = VARIED) -> list[list[list[int]]]:
    """Greedy tokens."""
    return tokens(engine, problems, n=1, temperature=0.0, max_tokens=16)


def agrees(engine: EngineSampler, policy: Any) -> bool:
    """Whether an engine has the trainer's greedy tokens on all problems, and log-probabilities within 1e-3 nats."""
    engine.load_policy(policy)
    sampling = SamplingParams(n=1, temperature=0.0, max_tokens=16)
    asked = [make_request(policy.encoder, problem, "", sampling, logprobs=True) for problem in VARIED]
    answers = dict(engine._complete(asked))
    expected = greedy(reference(policy))
    if [answers[i].token_ids for i in range(len(VARIED))] != expected:
        return False
    worst = 0.0
    for i, (ids,) in enumerate(expected):
        batch = policy.encoder.collate([VARIED[i]], [ids])
        labels = batch.pop("labels")[0]
        with torch.no_grad():
            table = policy.model.eval()(**batch).logits[0].double().log_softmax(-1)
        exact = [float(table[at - 1, labels[at]]) for at in range(len(labels)) if labels[at] >= 0]
        worst = max(worst, max(abs(a - b) for a, b in zip(exact, answers[i].logprobs[0], strict=True)))
    return 0 < worst < 1e-3


def assert_first_tokens_follow_the_softmax(engine: Sampler, temperature: float, top_p: float) -> None:
    """Draws 6,000 first tokens; a chi-square test at 99.9 %."""
    policy, problem = make_policy(), VARIED[1]
    engine.load_policy(policy)
    counts = np.zeros(len(policy.encoder.tokenizer))
    ids = [replace(problem, id=str(i)) for i in range(100)]  # of each, as many as a small engine answers at once
    for row in tokens(engine, ids, n=60, temperature=temperature, top_p=top_p, max_tokens=1):
        np.add.at(counts, [token for (token,) in row], 1)
    expected = 6000 * probabilities(policy, problem, temperature, top_p)
    assert counts[expected == 0].sum() <= 6000 * 1e-3  # a token at the nucleus' edge, in the engine's float32
    counts[expected == 0] = 0
    rare = expected < 5
    binned = [np.append(x[~rare], x[rare].sum()) for x in (counts, expected * counts.sum() / 6000)]
    keep = binned[1] > 0
    assert keep.sum() > 20
    assert chisquare(binned[0][keep], binned[1][keep]).pvalue > 1e-3


def probabilities(policy: Any, problem: Problem, temperature: float, top_p: float) -> np.ndarray:
    """What the first token should be drawn from: the nucleus of the softmax, without special tokens."""
    with torch.no_grad():
        logits = policy.model.eval()(**policy.encoder.prompts([problem])).logits[0, -1].double().numpy()
    logits[policy.encoder.forbidden_ids] = -np.inf
    weights = np.exp((logits - logits.max()) / temperature)
    weights /= weights.sum()
    order = np.argsort(-weights)
    before = np.cumsum(weights[order]) - weights[order]  # mass of the tokens that are more likely
    weights[order[before >= top_p]] = 0.0
    return weights / weights.sum()
