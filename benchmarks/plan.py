"""Memory as `lit-mstar plan` says it, and as it is measured: the peak of a training step, of sampling and of scoring.

    python benchmarks/plan.py                 # three tiny models on the CPU, every tensor counted
    python benchmarks/plan.py --device cuda   # the same by the allocator's own peak

Prints planned, measured and their ratio. A plan is right where the ratio is within 15% of 1.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import weakref
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lit_mstar import Backbone, Problem, ProcessRewardModule, Response, Rollout, TinyBackbone
from lit_mstar.encoding.prompt_cache import fit
from lit_mstar.modules.likelihood import response_nll
from lit_mstar.planning.activations import activations
from lit_mstar.planning.memory import decoding, scoring, training, weights
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler

LORA = {"r": 8, "target_modules": "all-linear"}
SIZES: dict[str, dict[str, Any]] = {
    "narrow and deep": {"hidden_size": 64, "num_layers": 8, "intermediate_size": 256, "vocab_size": 400},
    "wide": {"hidden_size": 256, "num_layers": 3, "num_heads": 4, "intermediate_size": 768, "vision_size": 128},
    "many image tokens": {"hidden_size": 128, "num_layers": 4, "num_heads": 2, "image_size": 128, "vision_layers": 4},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "all weights": {},
    "checkpointed": {"gradient_checkpointing": True},
    "LoRA, frozen tower": {"lora": LORA, "freeze_vision": True},
}
ROWS, LEARNED = 16, 96


class Peak(TorchDispatchMode):
    """Counts the bytes of all tensors that are alive, and remembers the most.

    Args:
        base: Bytes that are there already.
    """

    def __init__(self, base: int) -> None:
        super().__init__()
        self.now = self.most = base
        self.known: dict[int, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        before = {
            leaf.untyped_storage()._cdata for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)
        }
        for leaf in tree_leaves(found):
            if isinstance(leaf, torch.Tensor):
                storage = leaf.untyped_storage()
                if storage._cdata not in before and storage._cdata not in self.known:
                    self._add(storage)
        return found

    def _add(self, storage: Any) -> None:
        size, key = storage.nbytes(), storage._cdata
        self.now += size
        self.most = max(self.most, self.now)

        def gone(_: Any) -> None:
            self.known.pop(key, None)
            self.now -= size

        self.known[key] = weakref.ref(storage, gone)


def measured(work: Callable[[], object], base: int, device: str) -> int:
    """Peak bytes of some work, with what was there before."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        work()
        return torch.cuda.max_memory_allocated()
    with Peak(base) as peak:
        work()
    return peak.most


def picture(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (0, 90, 200)).save(buffer, format="PNG")
    return buffer.getvalue()


def compare(name: str, folder: Path, device: str) -> list[tuple[str, float, float]]:
    """(what, planned bytes, measured bytes) for one of `SIZES`."""
    tiny = TinyBackbone(corpus=["What is the sum of the two digits?"], **SIZES[name])
    tiny.save(tiny.load_model(), folder)
    problem = Problem(id="p", question="What is the sum of the two digits?", images=(picture(128),))
    found = []
    for setting, options in SETTINGS.items():
        backbone = Backbone(str(folder), **options)
        found.append((f"{name}, {setting}, training", *_training(backbone, problem, device)))
    backbone = Backbone(str(folder))
    found.append((f"{name}, sampling", *_sampling(backbone, problem, device)))
    found.append((f"{name}, scoring", *_scoring(backbone, problem, device)))
    return found


def _training(backbone: Backbone, problem: Problem, device: str) -> tuple[float, float]:
    step = Step(backbone, [problem] * ROWS, LEARNED, device)
    return step.planned, step.measured


class Step:
    """A training step of a model, planned and prepared; done once, so that the optimizer's moments are there.

    Args:
        backbone: The model.
        problems: A row each.
        learned: Tokens of each response.
        device: Where.
    """

    def __init__(self, backbone: Backbone, problems: list[Problem], learned: int, device: str) -> None:
        encoder = backbone.encoder
        self.device = device
        self.model: Any = backbone.load_model().to(device)
        ids = encoder.text_ids("a b c d " * learned)[:learned]
        self.batch = fit(encoder.collate(problems, [ids] * len(problems)), self.model)
        self.optimizer = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad])
        self.tokens = self.batch["input_ids"].numel()
        self.weights = weights(backbone, head=True)
        kept, length = activations(backbone, problems[0], "32-true", True), self.batch["input_ids"].shape[1]
        image, checkpointed = encoder.image_tokens(problems[0]), backbone.gradient_checkpointing
        peak = kept.peak(len(problems), length, image, learned, checkpointed)
        self.planned = training(self.weights, peak, 2, 1, accumulates=False).total
        self()

    def __call__(self) -> None:
        response_nll(self.model, self.batch)[0].backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    @property
    def measured(self) -> int:
        there = self.weights.bytes + 2 * self.weights.trained_bytes + sum(v.nbytes for v in self.batch.values())
        return measured(self, there, self.device)


def _sampling(backbone: Backbone, problem: Problem, device: str) -> tuple[float, float]:
    model: Any = backbone.load_model().to(device).requires_grad_(False)

    class Policy:
        encoder = copy(backbone.encoder)

    Policy.encoder.__dict__["end_ids"] = []  # what is planned is the most that it takes: no response ends early
    Policy.model = model  # type: ignore[attr-defined]
    sampler = TransformersSampler(batch_size=64)
    sampler.load_policy(Policy())  # type: ignore[arg-type]
    drawn = SamplingParams(n=64, temperature=1.0, max_tokens=LEARNED)
    list(sampler.sample([problem], SamplingParams(n=2, max_tokens=2)))  # whether prompts are shared is found out once
    count = weights(backbone, head=True)
    prompt = backbone.encoder.prompts([problem])["input_ids"].shape[1]
    planned = count.bytes + decoding(backbone, 64, prompt + LEARNED, 4).total
    return planned, measured(lambda: list(sampler.sample([problem], drawn)), count.bytes, device)


def _scoring(backbone: Backbone, problem: Problem, device: str) -> tuple[float, float]:
    prm = ProcessRewardModule(backbone, batch_size=64)
    prm.configure_model()
    prm.to(device)
    step = "a b c d " * LEARNED
    chains = [f"{i:02d}{step[2 : LEARNED - 1]}" for i in range(64)]  # equal ones would be scored once
    rollout = Rollout(problem=problem, responses=[Response(text="", steps=[chain]) for chain in chains])
    prm.score([Rollout(problem=problem, responses=rollout.responses[:2])])
    count = weights(backbone, head=False)
    kept = activations(backbone, problem, "32-true", False)
    prompt = prm.encoder.prompts([problem])["input_ids"].shape[1]
    length = len(prm.encoder.text_ids(step[: LEARNED - 1] + "\n"))
    planned = scoring(backbone, count, kept, 64, prompt, length, 4).total
    return planned, measured(lambda: prm.score([rollout]), count.bytes, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    options = parser.parse_args()
    torch.manual_seed(0)
    print("| what | planned, MB | measured, MB | ratio |\n|---|---|---|---|")
    for name in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            for what, planned, found in compare(name, Path(folder), options.device):
                print(f"| {what} | {planned / 1e6:.1f} | {found / 1e6:.1f} | {planned / found:.2f} |", flush=True)


if __name__ == "__main__":
    main()
