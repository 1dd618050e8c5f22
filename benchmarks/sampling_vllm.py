"""Generated tokens per second of `VLLMSampler`, over bare `LLM.generate` with the same request parameters.

    python benchmarks/sampling_vllm.py                                   # a tiny model on a CPU
    python benchmarks/sampling_vllm.py --model FOLDER --device cuda

Both use one engine, in turns. "The same parameters" are those that the sampler sends: a seed for each problem, special
tokens forbidden. What is left is the sampler's own: encoding, requests, streaming, responses.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pairs
import torch
import vllm

from lit_mstar import Backbone, TinyBackbone
from lit_mstar.data import DigitsSource
from lit_mstar.rollouts.images import open_image
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.samplers import SamplingParams, VLLMSampler
from lit_mstar.samplers.request import make_request


def bare(engine: VLLMSampler, policy: Any, problems: Sequence[Problem], sampling: SamplingParams) -> int:
    """What one would write without this library; returns the number of generated tokens."""
    requests = [make_request(policy.encoder, problem, "", sampling) for problem in problems]
    params = [vllm.SamplingParams(**request.params, detokenize=False) for request in requests]
    prompts = [
        {
            "prompt_token_ids": request.prompt_ids,
            "multi_modal_data": {"image": [open_image(image) for image in request.images]},
        }
        for request in requests
    ]
    outputs = engine._llm.generate(prompts, params, use_tqdm=False)
    return sum(len(response.token_ids) for output in outputs for response in output.outputs)


def sampled(engine: VLLMSampler, problems: Sequence[Problem], sampling: SamplingParams) -> int:
    """The same by the sampler."""
    return sum(len(r.token_ids) for _, rollout in engine.sample(problems, sampling) for r in rollout.responses)


def rate(engine: VLLMSampler, work: Callable[[], int]) -> float:
    """Tokens per second, with nothing in the engine's cache."""
    engine._llm.llm_engine.reset_prefix_cache()
    start = time.perf_counter()
    return work() / (time.perf_counter() - start)


def tiny(folder: Path, problems: Sequence[Problem], width: int, layers: int) -> str:
    """A random model's folder."""
    sizes = {"hidden_size": width, "num_layers": layers, "vision_size": width, "intermediate_size": 3 * width}
    backbone = TinyBackbone([problem.question for problem in problems], **sizes, num_heads=max(2, width // 64))
    backbone.save(backbone.load_model(), folder)
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a Hugging Face folder; a tiny random model by default")
    parser.add_argument("--width", type=int, default=64, help="of the random model; a multiple of 64")
    parser.add_argument("--layers", type=int, default=3, help="of the random model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--problems", type=int, default=100)
    parser.add_argument("--responses", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    problems = DigitsSource(train=options.problems).problems("train")
    sampling = SamplingParams(n=options.responses, max_tokens=options.max_tokens)
    with TemporaryDirectory() as folder:
        path = options.model or tiny(Path(folder), problems, options.width, options.layers)
        backbone = Backbone(path, dtype="bfloat16" if options.device == "cuda" else "float32")
        policy = SimpleNamespace(model=backbone.load_model().to(options.device), encoder=backbone.encoder)
        engine = VLLMSampler(gpu_memory_utilization=0.3)
        engine.load_policy(policy)
        try:
            pairs.compare(
                "sampling, vLLM: generated tokens/s",
                lambda: rate(engine, lambda: sampled(engine, problems, sampling)),
                lambda: rate(engine, lambda: bare(engine, policy, problems, sampling)),
                0.97,
                "bare LLM.generate, the same request parameters",
                better="more",
                pairs=options.pairs,
                model=options.model or f"tiny, width {options.width}, {options.layers} layers",
                problems=options.problems,
                responses=options.responses,
                max_tokens=options.max_tokens,
            )
        finally:
            engine.close()


if __name__ == "__main__":
    main()
