"""One stage of a recipe as a process of its own, started by the command that a user would type."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lit_mstar.commands.children import Children, locked
from lit_mstar.files import atomic, stage_command
from lit_mstar.front.changes import Config, Difference, differences
from lit_mstar.front.recipe import read_config


@dataclass(frozen=True, kw_only=True, eq=False)  # two are the same only if they are one
class StageRun:
    """A stage in a folder.

    Args:
        name: Of the stage: "4-evolve".
        config: Its config, with its paths moved.
        folder: Where it leaves everything; its `summary.json` says that it is complete.
        seed: `seed_everything`.
        overlays: Configs laid over it, the last on top.
        flags: How much its command says.
    """

    name: str
    config: Config
    folder: Path
    seed: int
    overlays: Sequence[Config] = ()
    flags: Sequence[str] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return (self.folder / "summary.json").exists()

    @property
    def started(self) -> bool:
        """Whether an earlier process has begun it."""
        return (self.folder / "stage.yaml").exists()

    def summary(self) -> Config:
        """What it left behind when it was complete."""
        found: Config = json.loads((self.folder / "summary.json").read_text())
        return found

    def changes(self) -> list[Difference]:
        """How the config it was last run with differs from today's; nothing if it was never run."""
        files = [self.folder / "stage.yaml", *sorted(self.folder.glob("overlay-*.yaml"))]
        before = [read_config(file) for file in files if file.is_file()]
        return differences(_placeless(before), _placeless([self.config, *self.overlays])) if before else []

    def run(self, children: Children, log: Path | None = None) -> int:
        """Runs the stage, from its last checkpoint where there is one; returns the process's exit code.

        If another process works in the folder (its parent may have been killed), waits for it first.
        """
        with locked(self.folder) as lock:
            return 0 if self.complete else children.run(self._command(), lock, log)

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "lit_mstar", stage_command(self.name)]
        resumes = self.started and stage_command(self.name) == "fit"
        for stale in self.folder.glob("overlay-*.yaml"):
            stale.unlink()
        for number, config in enumerate([self.config, *self.overlays]):
            file = self.folder / ("stage.yaml" if number == 0 else f"overlay-{number}.yaml")
            with atomic(file) as partial:
                partial.write_text(yaml.safe_dump(config, sort_keys=False))
            command += ["--config", str(file)]
        command += ["--seed_everything", str(self.seed), *self.flags]
        if resumes:
            command += ["--ckpt_path", "last"]  # without checkpoints, it starts from the beginning
        return command


def fitting(overlay: Config, stage: Config) -> Config | None:
    """An overlay without the options of the model that a stage does not name: a reward model has no sampler.

    None where it names options of the model, and the stage has none of them.
    """
    wanted, own = (config.get("model", {}).get("init_args", {}) for config in (overlay, stage))
    kept = {name: value for name, value in wanted.items() if name in own}
    if len(kept) == len(wanted):
        return overlay
    return overlay | {"model": overlay["model"] | {"init_args": kept}} if kept else None


def _placeless(configs: Sequence[Config]) -> list[Config]:
    """Configs of a stage as they are wherever the run is: one that was copied or moved is the same."""
    if "default_root_dir" not in configs[0].get("trainer", {}):
        return [*configs]
    home = home_of(configs[0])
    return [move_paths(config, home, lambda stage: Path("OUT", stage)) for config in configs]


def home_of(config: Config) -> str:
    """The folder above a stage's `trainer.default_root_dir`, where all stages of its recipe are."""
    return str(Path(config["trainer"]["default_root_dir"]).parent) + "/"


def move_paths(config: Any, home: str, folder: Callable[[str], Path]) -> Any:
    """The config with its paths moved: what lies in a stage's folder of `home` goes to `folder(stage)`."""
    if isinstance(config, dict):
        return {key: move_paths(value, home, folder) for key, value in config.items()}
    if isinstance(config, list):
        return [move_paths(value, home, folder) for value in config]
    if not isinstance(config, str) or not config.startswith(home):
        return config
    stage, *rest = Path(config.removeprefix(home)).parts
    return str(folder(stage).joinpath(*rest))
