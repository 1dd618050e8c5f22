"""The embedded engine: the policy's own model, on whatever device it is on.

Prompt and image are encoded once for all N responses of a problem. Problems are decoded together only where their
prompts have the same number of tokens, so no padding stands before a response and results do not depend on the
batch. It leaves out continuous batching: a batch lasts as long as its longest response.

Notation: P problems, N responses each, L prompt tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteria,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from lit_mstar.encoding.appending import Batch, append_tokens, without_last
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.prompt_cache import encode_prompts, equal_prompts, fit, forget, inference
from lit_mstar.encoding.sharing import can_share
from lit_mstar.models.sharding import is_sharded
from lit_mstar.models.weights import whole_parameters
from lit_mstar.models.wrapped import is_adapted
from lit_mstar.rollouts.nouns import Problem, Rollout, SamplingParams
from lit_mstar.samplers.base import Policy, Sampler, first_stop, respond, response_stream


class TransformersSampler(Sampler):
    """Samples with transformers' `generate`; runs on any machine.

    Args:
        batch_size: Most responses decoded at the same time.
        share_prompt: Encode each prompt once for its N responses; a model that cannot go on from there is found out
            (`encoding.sharing`), and its prompts are encoded N times.

    Raises:
        ValueError: If `batch_size` is less than 1.
    """

    def __init__(self, batch_size: int = 256, share_prompt: bool = True) -> None:
        if batch_size < 1:
            raise ValueError(f"TransformersSampler.batch_size is {batch_size}; it must be at least 1.")
        self.batch_size = batch_size
        self.share_prompt = share_prompt
        self._model: Any = None
        self._encoder: Any = None
        self._copy: Any = None  # of a policy that is divided over ranks
        self._checked: tuple[Any, bool] = (None, False)  # the model, and whether it shares prompts

    def load_policy(self, policy: Policy) -> None:
        """Keeps a reference: the weights are the policy's own, so they are always current.

        A policy that is divided over ranks cannot generate: its weights are copied into a whole model, all of them
        once, then the trainable ones. All ranks must take part; sampling itself needs none of the others.
        """
        self._model, self._encoder = policy.model, policy.encoder
        if is_sharded(policy.model):
            self._model = self._refreshed(policy)

    def rest(self) -> None:
        """Moves a copy, where there is one, out of the way of training."""
        if self._copy is not None:
            self._copy.to("cpu")

    def _refreshed(self, policy: Any) -> nn.Module:
        """The copy with current weights, on the policy's device."""
        new = self._copy is None
        if new:
            with torch.random.fork_rng():  # what the model draws at random is overwritten
                self._copy = policy.backbone.load_model().eval().requires_grad_(False)
        self._copy.to(policy.device)
        ours = dict(self._copy.named_parameters(remove_duplicate=False))
        for name, weight in whole_parameters(policy.model, frozen=new):
            ours[name].copy_(weight)
        return cast(nn.Module, self._copy)

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        """See `Sampler.sample`; the model's mode and the global random state are as before afterwards."""
        if self._model is None:
            raise RuntimeError("sample() was called before load_policy(): the engine has no weights yet.")
        prompts = list(zip(problems, prefixes or [""] * len(problems), strict=True))
        share = self.share_prompt and self._can_share()
        for rows in equal_prompts(self._encoder, prompts, max(1, self.batch_size // sampling.n)):
            with inference(self._model):
                rollouts = self._decode([prompts[i] for i in rows], sampling, share)
            yield from zip(rows, rollouts, strict=True)

    def _can_share(self) -> bool:
        """Whether the model can go on from a prompt that is encoded once; found out once per model."""
        if self._checked[0] is not self._model:
            with inference(self._model):
                found = can_share(self._compare, self._encoder, self._model.dtype, "sampler")
            self._checked = self._model, found
        return self._checked[1]

    def _compare(self, problems: Sequence[Problem]) -> tuple[Tensor, Tensor]:
        """Logits of two greedy tokens, prompts shared and not: (P·2, 2, V), or of the first where it differs."""
        sampling = SamplingParams(n=2, temperature=0.0, max_tokens=2)
        prompts = [(problem, "") for problem in problems]
        options = {"output_logits": True, "return_dict_in_generate": True}
        (shared, start), (whole, _) = (self._generate(prompts, sampling, share, **options) for share in (True, False))
        alike = torch.equal(shared.sequences[:, : start + 1], whole.sequences[:, : start + 1])
        compared = min(len(shared.logits), len(whole.logits), 2 if alike else 1)
        return torch.stack(shared.logits[:compared], 1), torch.stack(whole.logits[:compared], 1)

    def _decode(self, prompts: list[tuple[Problem, str]], sampling: SamplingParams, share: bool) -> list[Rollout]:
        encoder, n = self._encoder, sampling.n
        tokens, start = self._generate(prompts, sampling, share)
        heads = [encoder.text_ids(prefix) for _, prefix in prompts]
        responses = [respond(encoder, row, sampling, heads[i // n]) for i, row in enumerate(tokens[:, start:].tolist())]
        return [
            Rollout(problem=problem, responses=responses[p * n : (p + 1) * n]) for p, (problem, _) in enumerate(prompts)
        ]

    def _generate(
        self, prompts: list[tuple[Problem, str]], sampling: SamplingParams, share: bool, **options: Any
    ) -> tuple[Any, int]:
        """What `generate` returns for N rows a prompt, (P·N, L + new) ids, and L, where the new ones start."""
        encoder, model, n = self._encoder, self._model, sampling.n
        rows = prompts if share else [prompt for prompt in prompts for _ in range(n)]
        tails = [torch.tensor(encoder.text_ids(prefix), dtype=torch.long) for _, prefix in rows]
        batch = encoder.prompts([problem for problem, _ in rows])
        batch = fit(append_tokens(batch, tails, encoder.pad_id), model)
        length = batch["input_ids"].shape[1]
        forget(model)
        with _own_settings_aside(model):
            tokens = model.generate(
                **(_share_prompt(model, batch, n) if share else batch),
                generation_config=self._generation_config(sampling, **options),
                logits_processor=_processors(prompts, sampling, start=length),
                stopping_criteria=[_StopStrings(encoder, sampling.stop, length)] if sampling.stop else None,
            )
        return tokens, length

    def _generation_config(self, sampling: SamplingParams, **options: Any) -> GenerationConfig:
        # Greedy over processed scores: the drawing is done by `_DrawToken`.
        return GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=False,
            max_new_tokens=sampling.max_tokens,
            eos_token_id=self._encoder.end_ids,
            pad_token_id=self._encoder.pad_id,
            suppress_tokens=self._encoder.forbidden_ids or None,
            **options,
        )


class _StopStrings(StoppingCriteria):
    """Rows whose response, without the prompt before it, contains a stop string are done."""

    def __init__(self, encoder: Encoder, stop: Sequence[str], start: int) -> None:
        self.encoder = encoder
        self.stop = stop
        self.start = start

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        texts = (self.encoder.decode(row) for row in input_ids[:, self.start :].tolist())
        return torch.tensor([first_stop(text, self.stop) > 0 for text in texts], device=input_ids.device)


class _DrawToken(LogitsProcessor):
    """Leaves one token per row, drawn from the softmax by inverting its distribution function.

    Each row has random numbers of its own, (rows, max_tokens) uniform in [0, 1), so a response depends neither on
    its neighbours nor on the global random state.
    """

    def __init__(self, uniforms: Tensor, start: int) -> None:
        self.uniforms = uniforms
        self.start = start

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        cumulative = scores.double().softmax(-1).cumsum(-1)  # (rows, V)
        u = self.uniforms[:, input_ids.shape[1] - self.start, None].to(scores.device)
        token = torch.searchsorted(cumulative, u * cumulative[:, -1:], right=True)  # never a token of probability 0
        return torch.full_like(scores, -torch.inf).scatter(1, token, 0.0)


def _processors(prompts: list[tuple[Problem, str]], sampling: SamplingParams, start: int) -> LogitsProcessorList:
    processors = LogitsProcessorList()
    if sampling.temperature == 0:
        return processors
    streams = [
        response_stream(sampling.seed, problem, prefix, i) for problem, prefix in prompts for i in range(sampling.n)
    ]
    uniforms = torch.from_numpy(np.stack([stream.random(sampling.max_tokens) for stream in streams]))
    processors.append(TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(sampling.top_p))
    processors.append(_DrawToken(uniforms, start))
    return processors


@contextmanager
def _own_settings_aside(model: Any) -> Iterator[None]:
    """Hides the checkpoint's own generation settings, so that all engines sample from the same distribution."""
    inner = model.get_base_model() if is_adapted(model) else model
    own, inner.generation_config = inner.generation_config, GenerationConfig()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        inner.generation_config = own


def _share_prompt(model: PreTrainedModel, batch: Batch, n: int) -> dict[str, Any]:
    """Encodes all but the prompts' last token once, then repeats what the model keeps of it: (P, L) to (P·N, L)."""
    ids = batch["input_ids"]
    rows = torch.arange(len(ids), device=ids.device).repeat_interleave(n)
    return {
        **encode_prompts(model, without_last(batch), logits_to_keep=1).rows(rows),
        "input_ids": ids[rows],
        "attention_mask": batch["attention_mask"][rows],
    }
