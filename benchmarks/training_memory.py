"""Peak memory of a training step where the vocabulary is long, all weights or LoRA, beside TRL's SFTTrainer.

    python benchmarks/training_memory.py --trl-python PATH/python

Each figure is a process of its own on the CPU: the bytes by which it has grown at its largest (peak resident memory)
since before the model was there, over a few steps of `fit`. The second row of each is what remains of both without
weights, gradients and the optimizer's moments, which nobody can do without: activations, logits, and whatever else.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from pairs import row
from peers.resident import resident
from training import OPTIMIZER, Bench, Pairs, trl

from lit_mstar import Backbone, PolicyModule, TinyBackbone
from lit_mstar.data import DigitsSource

LORA = {"r": 8, "target_modules": "all-linear"}


def grown(folder: Path, batch: int, lora: dict[str, Any] | None) -> tuple[int, int]:
    """Bytes that a run takes in this process, and those of weights, gradients and moments."""
    torch.set_num_threads(1)
    fitted(folder / "small", batch, lora)  # what is imported on the way counts for nobody
    before = resident()
    policy = fitted(folder, batch, lora)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return peak, sum(p.nbytes * (4 if p.requires_grad else 1) for p in policy.parameters())


def fitted(folder: Path, batch: int, lora: dict[str, Any] | None) -> PolicyModule:
    """A policy after a few steps."""
    bench = Bench(folder, argparse.Namespace(batch=batch, steps=4, device="cpu"))
    policy = PolicyModule(Backbone(str(folder), lora=lora), optimizer=OPTIMIZER)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(accelerator="cpu", max_steps=4, enable_model_summary=False, **quiet)  # type: ignore[arg-type]
    trainer.fit(policy, datamodule=Pairs(bench.examples, batch_size=batch))
    return policy


def ours(folder: Path, batch: int, lora: dict[str, Any] | None) -> tuple[int, int]:
    """`grown` in a process of its own."""
    line = [sys.executable, __file__, "--one", str(folder), str(batch), json.dumps(lora)]
    said = subprocess.run(line, check=True, capture_output=True, text=True).stdout  # noqa: S603
    peak, state = json.loads(said.splitlines()[-1])
    return int(peak), int(state)


def theirs(python: str, folder: Path, batch: int, lora: dict[str, Any] | None) -> int:
    """The same by TRL."""
    with trl(python, folder, batch_size=batch, steps=4, skip=2, device="cpu", lora=lora) as turn:
        return int(turn()["grown"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", type=int, default=150_000)
    parser.add_argument("--batch", type=int, default=16, help="examples, two a problem")
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--trl-python", help="the interpreter of an environment with TRL")
    parser.add_argument("--one", nargs=3, metavar=("FOLDER", "BATCH", "LORA"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        folder, batch, lora = options.one
        print(json.dumps(grown(Path(folder), int(batch), json.loads(lora))))
        return
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"  # both processes give back at once what they free
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        torch.manual_seed(0)
        corpus = [f"{p.question}\n{p.reasoning}" for p in DigitsSource(seed=50, train=1).problems("seed")]
        for place, vocabulary in ((folder, options.vocabulary), (folder / "small", 1000)):
            backbone = TinyBackbone(corpus)
            backbone.config.text_config.vocab_size = vocabulary
            backbone.save(backbone.load_model(), place)
            Bench(place, argparse.Namespace(batch=options.batch, steps=4, device="cpu"))  # writes the examples
        for what, lora in (("all weights", None), ("LoRA", LORA)):
            measured = [ours(folder, options.batch, lora) for _ in range(options.pairs)]
            about = {"size": f"vocabulary of {options.vocabulary:,}", "unit": "bytes", "batch": options.batch}
            if not options.trl_python:
                print(json.dumps({"what": f"training memory, {what}", "ours": measured[0][0], **about}), flush=True)
                continue
            peers = [theirs(options.trl_python, folder, options.batch, lora) for _ in measured]
            pairs = [(peak, peer) for (peak, _), peer in zip(measured, peers, strict=True)]
            row(f"training memory, {what}", pairs, 0.5, "TRL SFTTrainer", **about)
            state = measured[0][1]
            beyond = [(peak - state, peer - state) for peak, peer in pairs]
            row(f"training memory beyond the state, {what}", beyond, 0.5, "TRL SFTTrainer", **about, state=state)


if __name__ == "__main__":
    main()
