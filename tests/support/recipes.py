"""The quickstart in miniature: its own configs with a smaller model, fewer problems and fewer epochs.

python tests/support/recipes.py FOLDER     writes the recipe FOLDER/miniature
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from lit_mstar.front.recipe import read_config

QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart"
SIZES = {"seed": 256, "train": 48, "validate": 8, "test": 8}


def shrink(stage: dict[str, Any]) -> dict[str, Any]:
    """The same stage with a smaller model, fewer problems and fewer epochs."""
    arguments, data = stage["model"]["init_args"], stage["data"]["init_args"]
    if arguments["backbone"]["class_path"] == "lit_mstar.TinyBackbone":
        arguments["backbone"]["init_args"] |= {"hidden_size": 32, "num_heads": 1, "num_layers": 2, "vision_layers": 1}
        arguments["optimizer"]["init_args"]["lr"] = 5e-3
        arguments.pop("lr_scheduler")
        stage["trainer"] |= {"max_epochs": 12, "check_val_every_n_epoch": 12}
    else:
        stage["trainer"]["max_epochs"] = 2
    if "source" in data:
        data["source"]["init_args"] = {"operations": ["maximum"], **SIZES}  # often right by accident
    for sampling in [data.get("sampling"), *(arguments.get(name) for name in ("responses", "completions"))]:
        if sampling:
            sampling["n"] = 4
    for callback in stage["trainer"].get("callbacks", []):
        if callback["class_path"].endswith("TemperatureBalancer"):
            callback["init_args"] = {"grid": [0.5, 1.0]}
        if callback["class_path"].endswith("TrainingDynamics"):
            callback["init_args"] = {"k": 4}
    return stage


def write_miniature(folder: Path) -> Path:
    """Writes the stage configs into a folder; returns it."""
    folder.mkdir(parents=True)
    for config in sorted(QUICKSTART.glob("[0-9]*.yaml")):
        (folder / config.name).write_text(yaml.safe_dump(shrink(read_config(config)), sort_keys=False))
    return folder


if __name__ == "__main__":
    write_miniature(Path(sys.argv[1]) / "miniature")
