"""Requests on their way through a vLLM engine: only as many are open as keep it full, images included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch.distributed as dist

from lit_mstar.rollouts.images import open_image
from lit_mstar.samplers.request import Completion, Request


@dataclass(frozen=True, kw_only=True)
class EngineFeed:
    """An engine and how it is asked.

    Args:
        engine: vLLM's `LLMEngine`, which batches continuously.
        ids: Numbers that no request of this engine has had yet.
        adapter: vLLM's `LoRARequest`, or None.
        max_images: Most images per problem; a request with more is refused.
        guarded: A context in which the engine is called.
    """

    engine: Any
    ids: Iterator[int]
    adapter: Any
    max_images: int
    guarded: Callable[[], AbstractContextManager[None]]

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[int, Completion]]:
        """Yields (position, completion) as requests finish; whoever stops listening ends those still open."""
        room = 2 * self.engine.vllm_config.scheduler_config.max_num_seqs  # sequences: full now, and full when some end
        waiting: dict[str, tuple[int, int]] = {}  # request id: (position, sequences)
        source = enumerate(requests)
        try:
            while True:
                while sum(n for _, n in waiting.values()) < room and (item := next(source, None)):
                    position, request = item
                    key = str(next(self.ids))
                    if refused := self._submit(key, request):
                        yield position, Completion(refused=refused)
                    else:
                        waiting[key] = position, request.params["n"]
                if not waiting:
                    return
                with self.guarded():
                    outputs = self.engine.step()
                for output in outputs:
                    if output.finished:
                        yield waiting.pop(output.request_id)[0], _completion(output)
        finally:
            self.engine.abort_request(list(waiting))

    def _submit(self, key: str, request: Request) -> str:
        """Hands a request to the engine; returns why it was refused, or nothing."""
        from vllm import SamplingParams
        from vllm.exceptions import VLLMValidationError
        from vllm.sampling_params import RequestOutputKind

        images = [open_image(image) for image in request.images]
        if len(images) > self.max_images:
            return f"it has {len(images)} images, more than VLLMSampler.max_images={self.max_images}"
        prompt: dict[str, Any] = {"prompt_token_ids": request.prompt_ids}
        if images:
            prompt["multi_modal_data"] = {"image": images}
        params = SamplingParams(
            **request.params,
            detokenize=bool(request.params["stop"]),  # stop strings are searched in text
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        try:
            with self.guarded():
                self.engine.add_request(key, prompt, params, lora_request=self.adapter)
        except VLLMValidationError as error:
            return f"{error} (VLLMSampler.max_model_len)"
        return ""


def run_together(feed: EngineFeed, requests: Iterable[Request], group: Any) -> Iterator[tuple[int, Completion]]:
    """The same for ranks that share an engine: each gives its requests, all run all, and each keeps its own.

    Args:
        feed: The rank's part of the engine.
        requests: The rank's own.
        group: The process group of the engine's ranks; all of them must call it.
    """
    shares: list[Any] = [None] * dist.get_world_size(group)
    dist.all_gather_object(shares, list(requests), group=group)
    rank = dist.get_rank(group)
    first = sum(len(share) for share in shares[:rank])
    for position, completion in feed.run(chain(*shares)):  # the same on all ranks of the engine
        if 0 <= position - first < len(shares[rank]):
            yield position - first, completion


def _completion(output: Any) -> Completion:
    return Completion(
        token_ids=[list(response.token_ids) for response in output.outputs],
        prompt_ids=list(output.prompt_token_ids),
        logprobs=[
            [entry[token].logprob for entry, token in zip(response.logprobs or [], response.token_ids, strict=False)]
            for response in output.outputs
        ],
    )
