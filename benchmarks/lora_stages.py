"""The four stages with LoRA on a tiny Qwen3-VL: does every stage go on with the adapter of the one before?

    python benchmarks/lora_stages.py --seed 0

There is no small pretrained Qwen3-VL, so one is made first: random weights, trained in full on worked examples over 20
scans of handwritten digits. The quickstart's stages then train LoRA on it: warmup on 50 scans, labels, a PRM that is an
adapter on the same base, and self-evolution from answers alone, which must begin with exactly the warmup's adapter.
Needs torchvision, which the processor of Qwen3-VL uses.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from models.zoo.qwen import qwen3_vl

from lit_mstar.commands.stage_run import move_paths
from lit_mstar.front.recipe import read_config
from support.commands import lit_mstar_process
from support.lora_recipe import adapter_of, write_lora_recipe

_QUICKSTART = Path(__file__).parents[1] / "configs" / "quickstart"
_LORA = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear"}


def pretrain(folder: Path, seed: int) -> Path:
    """A tiny Qwen3-VL that has seen a few worked examples."""
    torch.manual_seed(seed)
    stage: Any = read_config(_QUICKSTART / "1-warmup.yaml")
    stage = move_paths(stage, "runs/quickstart/", lambda name: Path("runs/base") / name)
    corpus = stage["model"]["init_args"]["backbone"]["init_args"]["corpus"]
    model, processor = qwen3_vl(corpus)
    model.save_pretrained(folder / "random")
    processor.save_pretrained(folder / "random")
    stage["model"]["init_args"]["backbone"] = {
        "class_path": "lit_mstar.Backbone",
        "init_args": {"path": str(folder / "random")},
    }
    stage["data"]["init_args"]["source"]["init_args"] = {"seed": 800, "seed_scans": 20, "validate": 150, "test": 400}
    (folder / "base.yaml").write_text(yaml.safe_dump(stage))
    run(folder, "fit", "--config", "base.yaml", "--seed_everything", str(seed))
    return folder / "runs" / "base" / "1-warmup" / "model"


def run(folder: Path, *args: str) -> None:
    """Runs the command; ends with its output where it fails."""
    done = lit_mstar_process(folder, *args)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/lora-stages"))
    options = parser.parse_args()
    folder = options.out.absolute() / f"seed-{options.seed}"
    folder.mkdir(parents=True)
    base = pretrain(folder, options.seed)
    sizes = {"seed": 800, "seed_scans": 50, "train": 3200, "validate": 150, "test": 400}
    recipe = write_lora_recipe(folder, base, _LORA, sizes, {"1": 8, "3": 3, "4": 8}, 40)
    run(folder, "run", str(recipe), "--seed", str(options.seed))
    stages = folder / "runs" / "lora"
    began = {k.replace(".default", ""): v for k, v in load_file(folder / "at-start.safetensors").items()}
    warm = adapter_of(stages / "1-warmup" / "model")
    evolved = adapter_of(stages / "4-evolve" / "model")
    same = began.keys() == warm.keys() and all(torch.equal(began[name], warm[name]) for name in warm)
    moved = sum(not torch.equal(evolved[name], warm[name]) for name in warm)
    print(f"stage 4 began with exactly stage 1's adapter: {same} ({len(warm)} tensors, of which it changed {moved})")
    for name, summary in (("base", base.parent), ("warmup", stages / "1-warmup"), ("evolved", stages / "4-evolve")):
        print(f"{name}: {json.loads((summary / 'summary.json').read_text())}")


if __name__ == "__main__":
    main()
