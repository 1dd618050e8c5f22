from __future__ import annotations

from pathlib import Path

from lit_mstar.stage_run import fits, home_of, move_paths


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
    assert fits(overlay, {"model": {"init_args": {"sampler": {}, "backbone": {}}}})
    assert not fits(overlay, {"model": {"init_args": {"backbone": {}}}})
    assert fits({"trainer": {"devices": 2}}, {"model": {"init_args": {"backbone": {}}}})
