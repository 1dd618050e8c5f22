"""Generated tokens per second of each engine, as a ratio to bare `LLM.generate` on the same prompts in the same run.

    python benchmarks/sampling.py                                   # a tiny model on a CPU
    python benchmarks/sampling.py --width 512 --layers 8 --problems 24 --max-tokens 32 --repeats 9
    python benchmarks/sampling.py --model FOLDER --device cuda

Engines take turns, so that a machine's moods meet all of them alike. Bare `LLM.generate` is measured twice: as one
would call it, and with the parameters that the sampler sends (a seed for each problem, special tokens forbidden), which
tells the price of these from the sampler's own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch

from lit_mstar import Backbone, TinyBackbone
from lit_mstar.data import DigitsSource
from lit_mstar.rollouts.images import open_image
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.samplers import Sampler, SamplingParams, TransformersSampler, VLLMSampler
from lit_mstar.samplers.request import make_request


def bare(
    engine: VLLMSampler, policy: Any, problems: list[Problem], sampling: SamplingParams, same: bool = False
) -> int:
    """What one would write without this library; returns the number of generated tokens.

    `same`: with the parameters that the sampler would send.
    """
    import vllm

    plain = {"n": sampling.n, "temperature": sampling.temperature, "max_tokens": sampling.max_tokens}
    requests = [make_request(policy.encoder, problem, "", sampling) for problem in problems]
    params = [vllm.SamplingParams(**(request.params if same else plain), detokenize=False) for request in requests]
    prompts = [
        {
            "prompt_token_ids": request.prompt_ids,
            "multi_modal_data": {"image": [open_image(image) for image in request.images]},
        }
        for request in requests
    ]
    outputs = engine._llm.generate(prompts, params, use_tqdm=False)
    engine._llm.llm_engine.reset_prefix_cache()
    return sum(len(response.token_ids) for output in outputs for response in output.outputs)


def sampled(engine: Sampler, problems: list[Problem], sampling: SamplingParams) -> int:
    """Number of tokens that an engine of ours generates."""
    count = sum(len(r.token_ids) for _, rollout in engine.sample(problems, sampling) for r in rollout.responses)
    if isinstance(engine, VLLMSampler):
        engine._llm.llm_engine.reset_prefix_cache()
    return count


def rate(work: Callable[[], int]) -> float:
    start = time.perf_counter()
    return work() / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a Hugging Face folder; a tiny random model by default")
    parser.add_argument("--width", type=int, default=64, help="of the random model; a multiple of 64")
    parser.add_argument("--layers", type=int, default=3, help="of the random model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--responses", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    problems = DigitsSource(train=options.problems).problems("train")
    sampling = SamplingParams(n=options.responses, max_tokens=options.max_tokens)
    with TemporaryDirectory() as folder:
        path = options.model or folder
        if not options.model:
            corpus, heads = [problem.question for problem in problems], max(2, options.width // 64)
            sizes = {"hidden_size": options.width, "num_layers": options.layers, "vision_size": options.width}
            tiny = TinyBackbone(corpus, **sizes, num_heads=heads, intermediate_size=3 * options.width)
            tiny.save(tiny.load_model(), Path(folder))
        backbone = Backbone(path, dtype="bfloat16" if options.device == "cuda" else "float32")
        policy = SimpleNamespace(model=backbone.load_model().to(options.device), encoder=backbone.encoder)
        child, embedded = VLLMSampler(gpu_memory_utilization=0.3), TransformersSampler(batch_size=1024)
        engines: dict[str, Sampler] = {"VLLMSampler": child, "TransformersSampler": embedded}
        for engine in engines.values():
            engine.load_policy(policy)
        print(f"a model of {sum(p.numel() for p in policy.model.parameters()) / 1e6:.1f} million weights", flush=True)
        works = {
            "LLM.generate": lambda: bare(child, policy, problems, sampling),
            "same parameters": lambda: bare(child, policy, problems, sampling, same=True),
        }
        works |= {name: lambda engine=engine: sampled(engine, problems, sampling) for name, engine in engines.items()}
        rates: dict[str, list[float]] = {name: [] for name in works}
        for repeat in range(options.repeats + 1):
            for name, work in works.items():
                measured = rate(work)
                rates[name] += [measured] if repeat else []  # the first round warms up
        base = rates["LLM.generate"]
        print("engine                 tokens/s  ratio to LLM.generate: median (lowest to highest)")
        for name, values in rates.items():
            ratios = sorted(value / reference for value, reference in zip(values, base, strict=True))
            spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            print(f"{name:<22} {statistics.median(values):>8.0f}  {spread}", flush=True)
        child.close()


if __name__ == "__main__":
    main()
