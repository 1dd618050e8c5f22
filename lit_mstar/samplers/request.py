"""What an engine with a copy of the weights is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.rollouts.nouns import Problem, SamplingParams
from lit_mstar.samplers.base import response_stream


@dataclass(frozen=True, kw_only=True)
class Request:
    """One problem as an engine takes it.

    Args:
        images: Still unopened, in the order of their placeholders.
        prompt_ids: Prompt and beginning of the response, with one placeholder per image.
        params: Arguments of vLLM's `SamplingParams`.
    """

    images: tuple[str | bytes, ...]
    prompt_ids: list[int]
    params: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What an engine made of a request.

    Args:
        token_ids: One list per response.
        prompt_ids: The prompt as the model saw it, with all image tokens; only where log-probabilities were asked for.
        logprobs: Log-probabilities of `token_ids`, in nats; only where they were asked for.
        refused: Why the engine would not answer; empty where it did.
    """

    token_ids: list[list[int]] = field(default_factory=list)
    prompt_ids: list[int] = field(default_factory=list)
    logprobs: list[list[float]] = field(default_factory=list)
    refused: str = ""


def make_request(
    encoder: Encoder, problem: Problem, prefix: str, sampling: SamplingParams, logprobs: bool = False
) -> Request:
    """The request for `sampling.n` responses to a problem that begin with `prefix`; greedy, one stands for all."""
    greedy = sampling.temperature == 0
    params: dict[str, Any] = {
        "n": 1 if greedy else sampling.n,
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop),
        "stop_token_ids": encoder.end_ids,
        "logit_bias": dict.fromkeys(encoder.forbidden_ids, -1e9) or None,
    }
    if not greedy:
        seed = response_stream(sampling.seed, problem, prefix, 0).integers(2**62)
        params |= {"top_p": sampling.top_p, "seed": int(seed)}  # vLLM counts on: seed, seed + 1, …
    if logprobs:
        params["logprobs"] = 0  # of the sampled token alone
    prompt_ids = encoder.prompt_ids(problem) + encoder.text_ids(prefix)
    return Request(images=encoder.images(problem), prompt_ids=prompt_ids, params=params)
