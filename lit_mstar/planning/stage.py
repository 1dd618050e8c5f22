"""What the config of a stage says about its model, its data and where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, cast

from lit_mstar.commands.instantiate import instantiate
from lit_mstar.commands.stage_run import fitting
from lit_mstar.front.recipe import merged, read_config
from lit_mstar.models.backbone import Backbone
from lit_mstar.rollouts.nouns import Problem, SamplingParams

Config = dict[str, Any]
_KINDS = {"ProcessRewardModule": "prm", "StepAnnotator": "annotator"}


@dataclass(frozen=True)
class Stage:
    """A stage of a recipe.

    Args:
        name: Of its config file.
        config: All of it.
        backbone: Its model; where an earlier stage makes it, that stage's.
    """

    name: str
    config: Config = field(repr=False)
    backbone: Backbone

    @property
    def kind(self) -> str:
        """What it is about: "policy", "annotator" or "prm"."""
        return _KINDS.get(self.config["model"]["class_path"].rpartition(".")[2], "policy")

    @property
    def trains(self) -> bool:
        """Whether it changes weights."""
        return self.kind != "annotator"

    @property
    def evolves(self) -> bool:
        """Whether it samples in every epoch."""
        return str(self.config["data"]["class_path"]).endswith("SelfEvolvingDataModule")

    @property
    def filter(self) -> Config | None:
        """The callback by which a PRM scores what it samples; None where none does."""
        callbacks = self.config["trainer"].get("callbacks") or []
        return next((callback for callback in callbacks if callback["class_path"].endswith("PRMFilter")), None)

    @property
    def trainer(self) -> Config:
        """The arguments of its trainer."""
        return dict(self.config["trainer"])

    def model(self, name: str) -> Any:
        """An argument of its LightningModule."""
        return argument(self.config["model"], name)

    def data(self, name: str) -> Any:
        """An argument of its DataModule."""
        return argument(self.config["data"], name)

    def drawn(self) -> list[SamplingParams]:
        """All its sampling parameters."""
        found = [self.data("sampling"), *(self.model(name) for name in ("responses", "completions", "evaluation"))]
        return [SamplingParams(**params) if isinstance(params, dict) else params for params in found if params]

    @cached_property
    def problems(self) -> list[Problem]:
        """What it samples, or learns from; empty where the source has none yet, or rows that are not right yet."""
        split = "train" if self.evolves or self.kind == "annotator" else "seed"
        try:
            return list(_made(source).problems(split))[: self.data("limit")] if (source := self.data("source")) else []
        except (ValueError, OSError):
            return []


def argument(described: Config, name: str) -> Any:
    """What a config gives an argument of a class, or the class's own default; None where it has no such argument."""
    given = described.get("init_args") or {}
    if name in given:
        return given[name]
    module, _, attribute = str(described["class_path"]).rpartition(".")
    for parent in getattr(import_module(module), attribute).__mro__:  # what a class passes on is its parent's
        if name in (parameters := signature(parent.__init__).parameters):
            default = parameters[name].default
            return None if default is Parameter.empty else default
    return None


def read_stages(recipe: Path, overlays: Sequence[Path] = ()) -> list[Stage]:
    """The stages of a recipe's folder, or of one config, in order.

    Args:
        recipe: A folder of numbered stage configs, or one of them.
        overlays: Configs laid over each stage as `lit-mstar run` does, the last on top.

    Raises:
        ValueError: If there is none, or one is no stage.
    """
    files = sorted(recipe.glob("[0-9]*.yaml")) if recipe.is_dir() else [recipe]
    if not files or not all(file.is_file() for file in [*files, *overlays]):
        missing = next((file for file in [*files, *overlays] if not file.is_file()), recipe)
        raise ValueError(f"{missing} is no config, nor a folder of stage configs (1-….yaml, …); correct the path.")
    laid = [read_config(path) for path in overlays]
    stages: list[Stage] = []
    for file in files:
        config = read_config(file)
        if not {"trainer", "model", "data"} <= config.keys():
            raise ValueError(f"{file} is no stage config: it needs trainer, model and data.")
        for overlay in laid:
            config = merged(config, fitting(overlay, config) or {})
        stages.append(Stage(file.stem, config, _backbone(config["model"]["init_args"]["backbone"], stages)))
    return stages


def _backbone(described: Config, earlier: Sequence[Stage]) -> Backbone:
    """The model; one that an earlier stage has yet to make is as large as what that stage begins with."""
    options = dict(described.get("init_args") or {})
    path = str(options.get("path", ""))
    makers = [stage for stage in earlier if path.startswith(f"{stage.trainer['default_root_dir']}/")]
    if not makers:
        return cast(Backbone, _made(described))
    first = makers[0].config["model"]["init_args"]["backbone"]
    if not first["class_path"].endswith(".Backbone"):
        return cast(Backbone, _made(first))  # built on the spot, and loaded again as it is
    own = {name: value for name, value in options.items() if name not in ("path", "adapter")}
    # Said by each stage for itself; and an adapter that is merged is gone.
    gone = {"gradient_checkpointing", "freeze_vision"} | ({"lora"} if options.get("adapter") == "merge" else set())
    inherited = {name: value for name, value in first["init_args"].items() if name not in gone}
    return cast(Backbone, _made({"class_path": first["class_path"], "init_args": inherited | own}))


def _made(described: Config) -> Any:
    """What a class path with its arguments describes, classes among these too."""
    module, _, name = str(described["class_path"]).rpartition(".")
    return instantiate({"made": getattr(import_module(module), name)}, {"made": described}).made
