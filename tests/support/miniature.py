"""The quickstart, small enough to be run many times, and with enough steps to be killed between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from lit_mstar.front.recipe import read_config
from support.recipes import QUICKSTART, shrink


def write_recipe(folder: Path, log: Path) -> Path:
    """Writes the stage configs; what is sampled in annotation and evolution is noted in `log`."""
    folder.mkdir(parents=True)
    for config in sorted(QUICKSTART.glob("[0-9]*.yaml")):
        stage = _divide(shrink(read_config(config)), config.stem, log)
        (folder / config.name).write_text(yaml.safe_dump(stage, sort_keys=False))
    return folder


def _divide(stage: dict[str, Any], name: str, log: Path) -> dict[str, Any]:
    trainer, data, model = stage["trainer"], stage["data"]["init_args"], stage["model"]["init_args"]
    trainer["enable_progress_bar"] = False
    if name == "1-warmup":
        trainer |= {"max_epochs": 8, "check_val_every_n_epoch": 2}
    if name == "2-annotate":
        data["eval_batch_size"] = 8
    if name == "3-prm":
        trainer["max_epochs"] = 3
        data["batch_size"] = 8
    if name == "4-evolve":
        trainer["max_epochs"] = 3
        data["source"]["init_args"]["train"] = 1200  # 300 problems an iteration: several parts of the ledger
        data["batch_size"] = 16
    if "sampler" in model:
        model["sampler"] = {"class_path": "support.logged_sampler.LoggedSampler", "init_args": {"log": str(log)}}
    return stage
