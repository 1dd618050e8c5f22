"""What the config of a stage says about its model, its data and where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch.cli import instantiate_class

from lit_mstar.models.backbone import Backbone

Config = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """A stage of a recipe.

    Args:
        name: Of its config file.
        kind: "policy", "annotator" or "prm".
        backbone: Its model; where an earlier stage makes it, that stage's.
        config: All of its config.
        evolves: Whether it samples in every epoch.
        scores: Whether a PRM scores what it samples.
    """

    name: str
    kind: str
    backbone: Backbone
    config: Config = field(repr=False)
    evolves: bool = False
    scores: bool = False

    @property
    def model(self) -> Config:
        """The arguments of its LightningModule."""
        return dict(self.config["model"].get("init_args") or {})

    @property
    def data(self) -> Config:
        """The arguments of its DataModule."""
        return dict(self.config["data"].get("init_args") or {})

    @property
    def trainer(self) -> Config:
        """The arguments of its trainer."""
        return dict(self.config["trainer"])

    @property
    def trains(self) -> bool:
        """Whether it changes weights."""
        return self.kind != "annotator"


def read_stages(recipe: Path, overlays: Sequence[Path] = ()) -> list[Stage]:
    """The stages of a recipe's folder, or of one config, in order.

    Args:
        recipe: A folder of numbered stage configs, or one of them.
        overlays: Configs laid over each stage, the last on top.

    Raises:
        ValueError: If there is none, or one is no stage.
    """
    files = sorted(recipe.glob("[0-9]*.yaml")) if recipe.is_dir() else [recipe]
    if not files or not all(file.is_file() for file in [*files, *overlays]):
        missing = next((file for file in [*files, *overlays] if not file.is_file()), recipe)
        raise ValueError(f"{missing} is no config, nor a folder of stage configs (1-….yaml, …); correct the path.")
    stages: list[Stage] = []
    for file in files:
        config = _merged(yaml.safe_load(file.read_text()), [yaml.safe_load(path.read_text()) for path in overlays])
        if not isinstance(config, dict) or not {"trainer", "model", "data"} <= config.keys():
            raise ValueError(f"{file} is no stage config: it needs trainer, model and data.")
        stages.append(_stage(file.stem, config, stages))
    return stages


def _stage(name: str, config: Config, earlier: Sequence[Stage]) -> Stage:
    kinds = {"ProcessRewardModule": "prm", "StepAnnotator": "annotator"}
    callbacks = [callback["class_path"] for callback in config["trainer"].get("callbacks") or []]
    return Stage(
        name=name,
        kind=kinds.get(config["model"]["class_path"].rpartition(".")[2], "policy"),
        backbone=_backbone(config["model"]["init_args"]["backbone"], earlier),
        config=config,
        evolves=config["data"]["class_path"].endswith("SelfEvolvingDataModule"),
        scores=any(path.endswith("PRMFilter") for path in callbacks),
    )


def _backbone(described: Config, earlier: Sequence[Stage]) -> Backbone:
    """The model; one that an earlier stage has yet to make is as large as what that stage begins with."""
    options = dict(described.get("init_args") or {})
    path = str(options.get("path", ""))
    for stage in earlier:
        if path.startswith(f"{stage.trainer['default_root_dir']}/"):
            first = stage.config["model"]["init_args"]["backbone"]
            inherited = dict(first.get("init_args") or {})
            if not first["class_path"].endswith(".Backbone"):
                return _made(first)  # built on the spot, and loaded again as it is
            if options.pop("adapter", "continue") == "merge":
                inherited.pop("lora", None)
            for name in ("gradient_checkpointing", "freeze_vision"):  # said by each stage for itself
                inherited.pop(name, None)
            own = {name: value for name, value in options.items() if name != "path"}
            return _made({"class_path": first["class_path"], "init_args": inherited | own})
    return _made(described)


def _made(described: Config) -> Backbone:
    made: Backbone = instantiate_class((), {"init_args": {}} | described)
    return made


def _merged(config: Any, overlays: Sequence[Any]) -> Any:
    """One config over another; the later wins, and lists are replaced, as on the command line."""
    for overlay in overlays:
        if isinstance(config, dict) and isinstance(overlay, dict):
            config = config | {key: _merged(config.get(key), [value]) for key, value in overlay.items()}
        else:
            config = overlay
    return config
