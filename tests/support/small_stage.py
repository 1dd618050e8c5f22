"""A small evolve stage, run by the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from support.zygote import Started

TESTS = Path(__file__).parents[1]

Process = subprocess.Popen[str] | Started
Start = Callable[..., Process]

RESULTS = (
    "model/model.safetensors",
    *(f"rollouts/iteration={index:04d}/rollouts.parquet" for index in range(3)),
)


def evolve_config(model: Path, run: Path) -> dict[str, Any]:
    """Three iterations of eight problems, from which everything is learned."""
    return {
        "trainer": {
            "accelerator": "cpu",
            "devices": 1,
            "max_epochs": 3,
            "reload_dataloaders_every_n_epochs": 1,
            "logger": False,
            "enable_progress_bar": False,
            "default_root_dir": str(run),
            "callbacks": [
                {
                    "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
                    "init_args": {
                        "dirpath": str(run / "checkpoints"),
                        "save_last": True,
                        "enable_version_counter": False,
                        "save_on_train_epoch_end": True,
                    },
                },
                {"class_path": "support.faults.SelectAll"},
            ],
        },
        "model": {
            "class_path": "lit_mstar.PolicyModule",
            "init_args": {
                "backbone": {"class_path": "lit_mstar.Backbone", "init_args": {"path": str(model)}},
                "evaluation": {"max_tokens": 4},
                "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.01}},
            },
        },
        "data": {
            "class_path": "lit_mstar.data.SelfEvolvingDataModule",
            "init_args": {
                "source": {
                    "class_path": "lit_mstar.data.DigitsSource",
                    "init_args": {"train": 24, "validate": 4, "test": 4},
                },
                "sampling": {"n": 2, "max_tokens": 8},
                "interval": 1 / 3,
                "batch_size": 4,
            },
        },
    }


def fault(kind: str, hook: str, epoch: int = 1, rank: int = 0, **more: Any) -> dict[str, Any]:
    """A callback of `faults.py`."""
    return {"class_path": f"support.faults.{kind}", "init_args": {"hook": hook, "epoch": epoch, "rank": rank, **more}}


def output_until(process: Process, word: str) -> str:
    """Reads what a process prints up to the line with a word.

    Raises:
        AssertionError: If it ends without.
    """
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or word not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)[-3000:]
    return "".join(lines)


def launch(model: Path, run: Path, *faults: dict[str, Any], recipe: Path | None = None, **trainer: Any) -> Any:
    """Starts the stage in a folder with faults, or a recipe of which it is the first stage."""
    config = evolve_config(model, run)
    config["trainer"] |= trainer
    config["trainer"]["callbacks"] += faults
    folder = recipe or run
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ("1-evolve.yaml" if recipe else "stage.yaml")
    file.write_text(yaml.safe_dump(config))
    if recipe:
        (recipe / "2-next.yaml").write_text(yaml.safe_dump(config))
        arguments = ["run", str(recipe), "--out", str(run.parent)]
    else:
        arguments = ["fit", "--config", str(file), "--ckpt_path", "last"]
    return _start(arguments, fork=not recipe and config["trainer"]["devices"] == 1)


def launch_annotation(model: Path, run: Path, *faults: dict[str, Any]) -> Any:
    """Starts an annotation of three batches of problems."""
    config = evolve_config(model, run)
    config["trainer"] = {
        k: v for k, v in config["trainer"].items() if k in ("accelerator", "logger", "default_root_dir")
    }
    config["trainer"]["callbacks"] = list(faults)
    policy = {"backbone": config["model"]["init_args"]["backbone"], "folder": str(run / "steps")}
    few = {"n": 2, "max_tokens": 8}
    config["model"] = {
        "class_path": "lit_mstar.StepAnnotator",
        "init_args": policy | {"responses": few, "completions": few},
    }
    source = config["data"]["init_args"]["source"]
    config["data"] = {
        "class_path": "lit_mstar.data.ProblemDataModule",
        "init_args": {"source": source, "eval_batch_size": 8, "predict_splits": ["train"]},
    }
    run.mkdir(parents=True, exist_ok=True)
    (run / "stage.yaml").write_text(yaml.safe_dump(config))
    return _start(["annotate", "--config", str(run / "stage.yaml")])


def _start(arguments: list[str], fork: bool = True) -> Any:
    if fork:
        return Started(arguments, TESTS)  # where configs find the faults
    return subprocess.Popen(
        [sys.executable, "-m", "lit_mstar", *arguments],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
