"""Callbacks and a recipe of two stages for tests of whole studies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import yaml

from lit_mstar.front.recipe import read_config
from support.faults import Fault
from support.recipes import QUICKSTART, shrink

EVOLVE = "4-evolve"


class Meet(Fault):
    """Says so in the pipe that the environment names, and waits for a signal; without a pipe, nothing happens."""

    def happen(self) -> None:
        if pipe := os.environ.get("MEETING"):
            came, comes = os.pipe()
            os.set_blocking(comes, False)
            previous = signal.set_wakeup_fd(comes)  # unlike signal.pause(), it knows of those that have come already
            Path(pipe).write_text("!")
            os.read(came, 1)
            signal.set_wakeup_fd(previous)


def write_study(folder: Path) -> Path:
    """A study of two temperatures over the quickstart's first and last stage, as small as they can be."""
    recipe = folder / "mini"
    recipe.mkdir(parents=True)
    for name in ("1-warmup", EVOLVE):
        stage = shrink(read_config(QUICKSTART / f"{name}.yaml"))
        stage["trainer"] |= {"logger": False, "enable_progress_bar": False}
        checkpoint = stage["trainer"]["callbacks"][0]
        stage["trainer"]["callbacks"] = [checkpoint]
        if name == EVOLVE:
            dynamics = {"class_path": "lit_mstar.callbacks.TrainingDynamics", "init_args": {"k": 4}}
            meet = {"class_path": "support.small_study.Meet", "init_args": {"hook": "on_train_batch_end", "epoch": 1}}
            stage["data"]["init_args"]["batch_size"] = 16  # three batches an iteration
            stage["trainer"]["callbacks"] += [{"class_path": "support.faults.SelectAll"}, dynamics, meet]
        else:
            stage["trainer"] |= {"max_epochs": 4, "check_val_every_n_epoch": 4}  # all is learned from, right or wrong
        (recipe / f"{name}.yaml").write_text(yaml.safe_dump(stage, sort_keys=False))
    study = {
        "title": "Two temperatures",
        "recipe": "mini",
        "seeds": 1,
        "variants": {"warm": None, "hot": {EVOLVE: {"data": {"init_args": {"sampling": {"temperature": 2.0}}}}}},
        "tables": [{"title": "Accuracy", "reference": "warm"}],
        "curves": ["mean_steps"],
        "findings": [
            {
                "claim": "heat is diverse",
                "more": {"variant": "hot", "metric": "distinct/mean"},
                "less": [{"variant": "warm", "metric": "distinct/mean"}],
            }
        ],
    }
    file = folder / "heat.yaml"
    file.write_text(yaml.safe_dump(study, sort_keys=False))
    return file
