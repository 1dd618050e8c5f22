"""Time and bytes of a weight update, as ratios to `save_pretrained` and a reload from that folder, in the same run.

    python benchmarks/weight_sync.py

The engine is vLLM, running; the baseline writes all weights and has the same engine load the folder.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file

from lit_mstar import TinyBackbone
from lit_mstar.models import weights
from lit_mstar.samplers import VLLMSampler


def make_policy(hidden_size: int, layers: int, lora: bool) -> Any:
    backbone = TinyBackbone(
        corpus=["What is the sum of the two digits?"],
        hidden_size=hidden_size,
        num_layers=layers,
        num_heads=hidden_size // 64,
        intermediate_size=3 * hidden_size,
        vision_size=hidden_size,
    )
    model: Any = backbone.load_model()
    if lora:
        targets = r".*text_model.*\.(q_proj|k_proj|v_proj|o_proj)"
        model = get_peft_model(model, LoraConfig(r=8, target_modules=targets))
    return SimpleNamespace(model=model, encoder=backbone.encoder)


def reload_saved(engine: VLLMSampler, policy: Any) -> None:
    """The baseline: what shell scripts around two programs do, without even ending them."""
    with tempfile.TemporaryDirectory() as folder:
        policy.model.save_pretrained(folder)
        policy.encoder.processor.save_pretrained(folder)
        source: dict[str, Any] = {"weights_path": folder}
        if engine.in_process:  # its weights never lay in a folder, so vLLM wants to be handed tensors
            source = {"weights_iterator": load_file(Path(folder) / "model.safetensors").items()}
        engine._llm.collective_rpc("reload_weights", kwargs=source)
        engine._llm.llm_engine.reset_prefix_cache()


def seconds(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def update(engine: VLLMSampler, policy: Any) -> None:
    with torch.no_grad():
        next(p for p in policy.model.parameters() if p.requires_grad).add_(1e-3)  # equal weights are not sent
    engine.load_policy(policy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden-size", type=int, default=768)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    full = make_policy(options.hidden_size, options.layers, lora=False)
    lora = make_policy(options.hidden_size, options.layers, lora=True)
    common: dict[str, Any] = {"check": "never", "engine": {"kv_cache_memory_bytes": 2**28}}
    cases = (
        ("merged, child process", VLLMSampler(**common), full),
        ("merged LoRA, child process", VLLMSampler(**common), lora),
        ("adapter only, child process", VLLMSampler(sync="adapter", **common), lora),
        ("merged, in process", VLLMSampler(in_process=True, **common), full),
    )
    baseline_bytes = weights.write(full.model, None)
    print(f"{baseline_bytes / 4e6:.0f} million weights, {baseline_bytes / 1e6:.0f} MB")
    print("update                        seconds  baseline  time ratio  bytes ratio")
    for name, engine, policy in cases:
        engine.load_policy(policy)
        ours = seconds(lambda engine=engine, policy=policy: update(engine, policy), options.repeats)
        theirs = seconds(lambda engine=engine: reload_saved(engine, full), options.repeats)
        with tempfile.TemporaryDirectory() as folder:
            moved = baseline_bytes
            if engine.sync == "adapter":
                moved = weights.write_adapter(policy.model, Path(folder))
        line = f"{name:<29} {ours:>7.2f}  {theirs:>8.2f}  {ours / theirs:>10.2f}  {moved / baseline_bytes:>11.3f}"
        print(line, flush=True)
        engine.close()


if __name__ == "__main__":
    main()
