"""A prepared check on one GPU: sampling, scoring and training in bfloat16, FSDP1 and FSDP2, memory against `plan`.

    python benchmarks/gpu.py                # a random Qwen3-VL of about 0.8 billion weights; minutes, with the start
    python benchmarks/gpu.py --tiny         # the same script where there is no GPU

Speeds are printed as tokens a second; those of sampling and scoring also as ratios to encoding a prompt once for each
response, in the same run. Needs torch, torchvision, transformers, lightning and this package; nothing is fetched.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from models.zoo.qwen import qwen3_vl
from plan import Step, picture

from lit_mstar import Backbone, PolicyModule, Problem, ProcessRewardModule, Response, Rollout
from lit_mstar.data import DigitsSource, SelfEvolvingDataModule
from lit_mstar.models import FSDP2Strategy, Sharding
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler
from lit_mstar.training.trainer import MStarTrainer

_LARGE = {"hidden_size": 1536, "intermediate_size": 6144, "num_attention_heads": 12, "num_key_value_heads": 4}


def build(folder: Path, tiny: bool) -> Path:
    """A random Qwen3-VL with its processor."""
    torch.manual_seed(0)
    model, processor = qwen3_vl()
    if not tiny:
        config = model.config
        text = {**_LARGE, "head_dim": 128, "num_hidden_layers": 24}
        for name, value in text.items():
            setattr(config.text_config, name, value)
        config.text_config.rope_parameters["mrope_section"] = [24, 20, 20]
        config.vision_config.out_hidden_size = text["hidden_size"]
        model = type(model)(config)
    model.to(torch.bfloat16).save_pretrained(folder)
    processor.save_pretrained(folder)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e9:.2f} billion weights", flush=True)
    return folder


def seconds(work: Callable[[], object]) -> float:
    """Of one run; a first one has warmed up."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def sampling(backbone: Backbone, problems: list[Problem], device: str, new: int) -> None:
    """Tokens a second, and how much faster than encoding each prompt N times."""
    model: Any = backbone.load_model().to(device).eval()

    class Policy:
        encoder = backbone.encoder

    Policy.model = model  # type: ignore[attr-defined]
    times = {}
    for share in (True, False):
        sampler = TransformersSampler(batch_size=256, share_prompt=share)
        sampler.load_policy(Policy())  # type: ignore[arg-type]
        drawn = SamplingParams(n=16, max_tokens=new)
        list(sampler.sample(problems, SamplingParams(n=16, max_tokens=8)))  # kernels are chosen, both ways compared
        tokens: list[int] = []
        times[share] = seconds(
            lambda s=sampler, d=drawn, t=tokens: t.extend(
                len(r.token_ids) for _, x in s.sample(problems, d) for r in x.responses
            )
        )
        print(
            f"sampling, prompts {'shared' if share else 'encoded N times'}: {sum(tokens) / times[share]:.0f} tokens/s"
        )
    print(f"sampling, ratio: {times[False] / times[True]:.2f}", flush=True)


def scoring(backbone: Backbone, problems: list[Problem], device: str) -> None:
    """Tokens a second, and how much faster than one forward pass a response."""
    prm = ProcessRewardModule(backbone)
    prm.configure_model()
    prm.to(device)
    steps = [f"Step {i}: the digit is {i}." for i in range(1, 8)]
    rollouts = [Rollout(problem=p, responses=[Response(text="", steps=steps) for _ in range(16)]) for p in problems]
    tokens = len(rollouts) * 16 * len(prm.encoder.text_ids("\n".join(steps)))
    prm.score(rollouts[:1])
    shared = seconds(lambda: prm.score(rollouts))
    prm._shares = False
    alone = seconds(lambda: prm.score(rollouts))
    print(f"scoring: {tokens / shared:.0f} tokens/s, ratio to unshared prompts {alone / shared:.2f}", flush=True)


def step(backbone: Backbone, problems: list[Problem], device: str, new: int) -> None:
    """A training step: tokens a second, and its peak memory against the plan."""
    once = Step(backbone, problems, new, device)
    took, peak = seconds(once), once.measured
    kind = "LoRA" if backbone.lora else "all weights"
    print(
        f"training, {kind}: {once.tokens / took:.0f} tokens/s; memory planned {once.planned / 1e9:.3g} GB, measured "
        f"{peak / 1e9:.3g} GB, ratio {once.planned / peak:.2f}",
        flush=True,
    )


def iteration(path: Path, strategy: Any, name: str, gpu: bool) -> None:
    """One whole iteration of self-evolution under a strategy, on one device."""
    sharding = Sharding("bfloat16", "float32") if isinstance(strategy, FSDP2Strategy) else Sharding()
    policy = PolicyModule(
        Backbone(str(path), dtype="bfloat16" if isinstance(strategy, FSDP2Strategy) else "float32"),
        evaluation=SamplingParams(max_tokens=16),
        sharding=sharding,
    )
    data = SelfEvolvingDataModule(
        DigitsSource(train=16, validate=4, test=4), SamplingParams(n=4, max_tokens=32), interval=1.0, batch_size=4
    )
    with tempfile.TemporaryDirectory() as folder:
        from support.faults import SelectAll

        trainer = MStarTrainer(
            accelerator="gpu" if gpu else "cpu",
            devices=1,
            strategy=strategy,
            max_epochs=1,
            reload_dataloaders_every_n_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
            callbacks=[SelectAll()],
        )
        took = seconds(lambda: trainer.fit(policy, data))
    print(f"one iteration, {name}: {took:.1f} s, {trainer.global_step} steps", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="a model of a fraction of a million weights")
    options = parser.parse_args()
    gpu = torch.cuda.is_available()
    device, new = ("cuda" if gpu else "cpu"), (32 if options.tiny else 256)
    side = 64 if options.tiny else 448
    problems = [Problem(id=f"p{i}", question=f"What is {i} + 1?", images=(picture(side),)) for i in range(1, 9)]
    with tempfile.TemporaryDirectory() as folder:
        path = build(Path(folder) / "model", options.tiny)
        bf16 = {"dtype": "bfloat16", "gradient_checkpointing": True}
        lora = {"lora": {"r": 16, "target_modules": "all-linear"}, "freeze_vision": True}
        for check in (
            *(
                lambda n=n: sampling(Backbone(str(path), dtype="bfloat16"), problems, device, n)
                for n in (new // 8, new // 2)
            ),
            lambda: scoring(Backbone(str(path), dtype="bfloat16"), problems, device),
            lambda: step(Backbone(str(path), **bf16), problems[:4], device, new),
            lambda: step(Backbone(str(path), **bf16, **lora), problems[:4], device, new),
        ):
            check()
            gc.collect()
            if gpu:
                torch.cuda.empty_cache()
        iteration(path, FSDP2Strategy(), "FSDP2", gpu)
        if gpu:  # Lightning has FSDP1 for GPUs alone
            from lightning.pytorch.strategies import FSDPStrategy

            iteration(path, FSDPStrategy(), "FSDP1", gpu)
        else:
            iteration(path, "auto", "one process", gpu)


if __name__ == "__main__":
    main()
