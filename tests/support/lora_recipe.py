"""The quickstart's four stages with LoRA, on a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import LightningModule, Trainer
from safetensors.torch import save_file

from lit_mstar import EvolutionCallback
from lit_mstar.commands.stage_run import move_paths
from lit_mstar.front.recipe import read_config
from lit_mstar.models.weights import has_adapter
from support.recipes import QUICKSTART


class AdapterAtStart(EvolutionCallback):
    """Writes down the weights that are about to be trained.

    Args:
        file: Where.
    """

    def __init__(self, file: str) -> None:
        self.file = file

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        model: Any = pl_module.model
        assert has_adapter(model)
        weights = {n: p.detach().clone().contiguous() for n, p in model.named_parameters() if p.requires_grad}
        save_file(weights, self.file)


def write_lora_recipe(
    folder: Path,
    model: Path,
    lora: dict[str, Any],
    sizes: dict[str, int],
    epochs: dict[str, int],
    max_tokens: int,
    small: bool = False,
    **backbone: Any,
) -> Path:
    """Writes the stage configs into a folder named `lora`.

    Args:
        folder: Where recipe and runs go.
        model: The base.
        lora: As in `Backbone`.
        sizes: Of the splits of digits.
        epochs: Of stages 1, 3 and 4, by number.
        max_tokens: Longest response.
        small: Learn from all responses, whatever they say, and measure little.
        **backbone: More arguments of stage 1's `Backbone`.
    """
    recipe = folder / "configs" / "lora"
    recipe.mkdir(parents=True)
    for config in sorted(QUICKSTART.glob("[0-9]*.yaml")):
        stage: Any = move_paths(read_config(config), "runs/quickstart/", lambda name: Path("runs/lora") / name)
        arguments, data = stage["model"]["init_args"], stage["data"]["init_args"]
        number = config.name[0]
        if number == "1":
            options = {"path": str(model), "lora": lora, "prompt": "{question}{choices}\nThink."} | backbone
            arguments["backbone"] = {"class_path": "lit_mstar.Backbone", "init_args": options}
        if "source" in data:
            data["source"]["init_args"] = sizes
        if number in epochs:
            stage["trainer"]["max_epochs"] = epochs[number]
        stage["trainer"].pop("check_val_every_n_epoch", None)
        arguments.pop("lr_scheduler", None)
        for sampling in [data.get("sampling"), *(arguments.get(n) for n in ("responses", "completions", "evaluation"))]:
            if sampling:
                sampling["max_tokens"] = max_tokens
        if number == "4":
            noted = str(folder / "at-start.safetensors")
            note = {"class_path": "support.lora_recipe.AdapterAtStart", "init_args": {"file": noted}}
            callbacks = stage["trainer"]["callbacks"]
            if small:
                wanted = ("ModelCheckpoint", "PRMFilter")
                callbacks = [c for c in callbacks if c["class_path"].rpartition(".")[2] in wanted]
                callbacks.append({"class_path": "support.faults.SelectAll"})
            stage["trainer"]["callbacks"] = [*callbacks, note]
        (recipe / config.name).write_text(yaml.safe_dump(stage, sort_keys=False))
    return recipe


def adapter_of(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a saved adapter."""
    from safetensors.torch import load_file

    return load_file(folder / "adapter_model.safetensors")
