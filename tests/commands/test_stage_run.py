from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from lit_mstar.commands.children import Children
from lit_mstar.commands.stage_run import StageRun, fitting, home_of, move_paths
from support.zygote import popen


def test_paths_move_with_the_stage_and_nothing_else_does():
    config = {
        "trainer": {"default_root_dir": "runs/r/1-a", "callbacks": [{"init_args": {"prm": "runs/r/3-prm/model"}}]},
        "data": {"file": "runs/rest/x", "n": 3, "text": "see runs/r/1-a"},
    }
    moved = move_paths(config, home_of(config), lambda stage: Path("/else/where") / stage)
    assert moved["trainer"]["default_root_dir"] == "/else/where/1-a"
    assert moved["trainer"]["callbacks"][0]["init_args"]["prm"] == "/else/where/3-prm/model"
    assert moved["data"] == config["data"]


def test_an_overlay_is_laid_over_the_stages_that_have_its_options():
    overlay = {"model": {"init_args": {"sampler": {"class_path": "S"}}}}
    assert fitting(overlay, {"model": {"init_args": {"sampler": {}, "backbone": {}}}}) == overlay
    assert fitting(overlay, {"model": {"init_args": {"backbone": {}}}}) is None
    assert fitting({"trainer": {"devices": 2}}, {"model": {"init_args": {"backbone": {}}}}) == {
        "trainer": {"devices": 2}
    }
    more = {"trainer": {"devices": 2}, "model": {"init_args": {"sampler": {"a": 1}, "backbone": {"b": 2}}}}
    assert fitting(more, {"model": {"init_args": {"backbone": {}}}}) == {
        "trainer": {"devices": 2},
        "model": {"init_args": {"backbone": {"b": 2}}},
    }


def test_paths_in_lists_move_and_those_of_another_recipe_stay():
    config = ["runs/r/2-b/model", "runs/r2/2-b/model", {"x": ("runs/r/2-b",)}, None, 0.5]
    moved = move_paths(config, "runs/r/", lambda stage: Path("/new") / f"{stage}-0123")
    assert moved == ["/new/2-b-0123/model", "runs/r2/2-b/model", {"x": ("runs/r/2-b",)}, None, 0.5]


@pytest.mark.parametrize(
    ("name", "command", "more"), [("2-annotate", "annotate", []), ("4-evolve", "fit", ["--ckpt_path", "last"])]
)
def test_a_stage_is_the_command_a_user_would_type(name: str, command: str, more: list[str], tmp_path: Path):
    config, overlays = {"trainer": {"max_epochs": 2}}, [{"trainer": {"max_epochs": 3}}, {"model": {"init_args": {}}}]
    (tmp_path / name).mkdir()
    stage = StageRun(name=name, config=config, folder=tmp_path / name, seed=7, overlays=overlays)
    assert not stage.started
    files = [tmp_path / name / file for file in ("stage.yaml", "overlay-1.yaml", "overlay-2.yaml")]
    configs = [part for file in files for part in ("--config", str(file))]
    python = [sys.executable, "-m", "lit_mstar", command]
    assert stage._command() == [*python, *configs, "--seed_everything", "7"]
    assert stage._command() == [*python, *configs, "--seed_everything", "7", *more]  # the second time, it goes on
    assert [yaml.safe_load(file.read_text()) for file in files] == [config, *overlays]
    assert stage.started
    assert not stage.complete


def test_a_complete_stage_is_not_run(tmp_path: Path):
    stage = StageRun(name="1-x", config={"no_such_option": 1}, folder=tmp_path, seed=0)
    (tmp_path / "summary.json").write_text(json.dumps({"seconds": 1.0}))
    with Children() as children:
        assert stage.run(children, tmp_path / "log.txt") == 0
    assert not (tmp_path / "log.txt").exists()


@pytest.mark.slow
def test_an_overlay_with_an_option_that_the_config_leaves_out_is_laid_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    overlay = {"model": {"init_args": {"no_such_option": 1}}}
    stage = StageRun(name="1-x", config={"trainer": {}}, folder=tmp_path, seed=0, overlays=[overlay])
    monkeypatch.setattr("lit_mstar.commands.children.subprocess.Popen", popen)
    with Children() as children:
        assert stage.run(children, tmp_path / "log.txt") == 2  # refused by the parser, not left out
    assert "no_such_option" in (tmp_path / "log.txt").read_text()
