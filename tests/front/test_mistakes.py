"""What a user sees first after a typical mistake: docs/errors.md lists it, and this makes every one of them."""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from lit_mstar.commands.claim import Claim
from support.commands import lit_mstar, sft_config
from support.small_stage import evolve_config

Make = Callable[[Path, Path], list[str]]
DOCS = Path(__file__).parents[2] / "docs/errors.md"
HELD: list[Claim] = []
FIT = ["fit", "--config", "stage.yaml"]


def stage(folder: Path, config: dict[str, Any]) -> list[str]:
    (folder / "stage.yaml").write_text(yaml.safe_dump(config))
    return FIT


def with_options(*options: str) -> Make:
    return lambda folder, model: [*stage(folder, sft_config(model)), *options]


def with_text(old: str, new: str) -> Make:
    def make(folder: Path, model: Path) -> list[str]:
        text = yaml.safe_dump(sft_config(model))
        assert old in text
        (folder / "stage.yaml").write_text(text.replace(old, new))
        return FIT

    return make


def with_rows(*rows: dict[str, Any] | str) -> Make:
    """A stage that learns from a file of such rows."""

    def make(folder: Path, model: Path) -> list[str]:
        Image.effect_noise((40, 40), 99).save(folder / "whole.png")
        (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:500])
        (folder / "broken.png").write_bytes(struct.pack("8B", *range(8)))
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
        source = {"class_path": "lit_mstar.data.JsonlSource", "init_args": {"seed": "rows.jsonl"}}
        config = sft_config(model)
        config["data"]["init_args"]["source"] = source
        return stage(folder, config)

    return make


def with_image(name: str) -> Make:
    return with_rows({"question": "?", "answer": "1", "image": name, "reasoning": "Answer: 1"})


def cut_model(folder: Path, model: Path) -> list[str]:
    """A stage that begins with a model that was not copied whole."""
    weights = Path(shutil.copytree(model, folder / "model"), "model.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    return stage(folder, sft_config(folder / "model"))


def with_callback(text: str) -> Make:
    """An evolving stage with a callback of one's own."""

    def make(folder: Path, model: Path) -> list[str]:
        module = f"mine_{sum(text.encode())}"  # imported once in a process
        (folder / f"{module}.py").write_text(f"from lit_mstar import EvolutionCallback\n{text}")
        config = evolve_config(model, folder / "run")
        config["trainer"]["callbacks"] = [{"class_path": f"{module}.Mine"}]
        return stage(folder, config)

    return make


def evolving(**changes: Any) -> Make:
    def make(folder: Path, model: Path) -> list[str]:
        config = evolve_config(model, folder / "run")
        config["trainer"]["callbacks"] = []
        config["trainer"] |= changes.get("trainer", {})
        config["data"]["init_args"] |= changes.get("data", {})
        return stage(folder, config)

    return make


def finished(folder: Path, model: Path) -> list[str]:
    (folder / "run").mkdir()
    (folder / "run/summary.json").write_text("{}")
    return stage(folder, sft_config(model))


def busy(folder: Path, model: Path) -> list[str]:
    HELD.append(Claim())  # this process's lock is as good as another's
    HELD[-1].hold(folder / "run")
    return stage(folder, sft_config(model))


def recipe_of_another(folder: Path, model: Path) -> list[str]:
    (folder / "recipe").mkdir()
    (folder / "recipe/1-warmup.yaml").write_text("trainer: {default_root_dir: runs/x/1-warmup, max_epoch: 1}")
    return ["run", "recipe"]


HOOK = "class Mine(EvolutionCallback):\n    def {}(self, trainer, pl_module, iteration):\n        {}\n"
SELECT = "for rollout in iteration.rollouts: rollout.selected = [99]"

MISTAKES: dict[str, Make] = {
    "a command's name misspelled": lambda folder, model: ["fitt"],
    "an option misspelled": with_options("--trainer.max_epoch", "3"),
    "an option of no kind": with_options("--confg", "x.yaml"),
    "a config that is not there": lambda folder, model: [*stage(folder, sft_config(model))[:2], "stages.yaml"],
    "a key misspelled": with_text("batch_size", "batchsize"),
    "a part misspelled": with_text("trainer:", "trainers:"),
    "a nested key misspelled": with_text("max_tokens", "max_token"),
    "a class misspelled": with_text("lit_mstar.PolicyModule", "lit_mstar.PolicyModul"),
    "a module of one's own misspelled": lambda folder, model: [
        *with_callback(HOOK.format("on_iteration_end", "pass"))(folder, model),
        "--trainer.callbacks+=mein_callback.Mine",
    ],
    "a text for a number": with_options("--trainer.max_epochs", "three"),
    "a config that is no YAML": with_text("max_epochs: 1", "max_epochs: [1"),
    "a reference without recipe.yaml": with_text("max_epochs: 1", "max_epochs: $(iterations)"),
    "a data file that is not there": lambda folder, model: [
        *with_rows({})(folder, model),
        *("--data.source.seed", "row.jsonl"),
    ],
    "a row without an answer": with_rows({"question": "?", "reasoning": "Answer: 1"}),
    "a row that is no JSON": with_rows("{question: 1}"),
    "an image that is not there": with_image("gone.png"),
    "an image that is cut off": with_image("cut.png"),
    "an image that is none": with_image("broken.png"),
    "an earlier stage that was not run": with_options("--model.backbone.path", "runs/mine/1-warmup/model"),
    "a folder with a finished run": finished,
    "a folder in which another process works": busy,
    "a checkpoint that is not there": lambda folder, model: [
        *("test", *stage(folder, sft_config(model))[1:]),
        *("--ckpt_path", "x.ckpt"),
    ],
    "a run to go on with that is not there": with_options("--ckpt_path", "gone.ckpt"),
    "a checkpoint that is none": lambda folder, model: (
        (folder / "x.ckpt").write_text("text"),
        [*stage(folder, sft_config(model)), "--ckpt_path", "x.ckpt"],
    )[1],
    "a model whose weights are cut off": cut_model,
    "a file in the place of the run": lambda folder, model: [
        *stage(folder, sft_config(model)),
        *("--out", "stage.yaml"),
    ],
    "a config that is no text": lambda folder, model: (
        (folder / "stage.yaml").write_bytes(bytes(range(256))),
        FIT,
    )[1],
    "no config at all": lambda folder, model: ["fit"],
    "batches of nothing": with_options("--data.batch_size", "0"),
    "problems for a reward model": with_options("--model", "lit_mstar.ProcessRewardModule"),
    "a callback without what it needs": with_options("--trainer.callbacks+=lit_mstar.callbacks.PRMFilter"),
    "a share above one": evolving(data={"interval": 2.0}),
    "no new data at every epoch": evolving(trainer={"reload_dataloaders_every_n_epochs": 0}),
    "a hook misspelled": with_callback(HOOK.format("on_rollout_sampled", "pass")),
    "a selection that is none": with_callback(HOOK.format("on_rollouts_sampled", SELECT)),
    "a recipe with a mistake in a later stage": recipe_of_another,
    "a folder that is no recipe": lambda folder, model: ["run", "."],
    "a recipe misspelled": lambda folder, model: ((folder / "recipe").mkdir(), ["run", "recip"])[1],
    "a folder in the place of a config": lambda folder, model: ["fit", "--config", "."],
    "a config without --config": lambda folder, model: ["fit", *stage(folder, sft_config(model))[2:]],
    "an option misspelled, of another command": lambda folder, model: ["run", ".", "--rerunn"],
    "an option without its value": lambda folder, model: ["convert", ".", "--out"],
}


def documented() -> dict[str, str]:
    rows = re.findall(r"^\| (.+?) \| `(.+)` \|$", DOCS.read_text(), re.MULTILINE)
    return dict(rows)


def test_the_table_is_of_these_mistakes() -> None:
    assert list(documented()) == list(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_first_line_is_the_cause(mistake: str, tmp_path: Path, tiny_folder: Path) -> None:
    done = lit_mstar(tmp_path, *MISTAKES[mistake](tmp_path, tiny_folder))
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Warning: ")]
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert lines[0].replace(f"{tmp_path}/", "").replace(str(tiny_folder), "MODEL") == documented()[mistake]
    if mistake != "a command's name misspelled":  # it is answered with the list of commands
        assert len(lines) <= 4
