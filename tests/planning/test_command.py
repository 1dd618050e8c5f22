"""`lit-mstar plan` says what fits, ends accordingly, and names what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lit_mstar.front.recipe import read_config
from support.commands import lit_mstar

STAGE = Path(__file__).parents[2] / "configs" / "quickstart" / "1-warmup.yaml"


def test_a_stage_that_fits(tmp_path: Path):
    done = lit_mstar(tmp_path, "plan", str(STAGE), "--gpus", "2", "--memory", "8", "--json", "plan.json")
    assert done.returncode == 0, done.stderr
    assert "memory on each of 2 GPUs" in done.stdout
    assert "does not fit" not in done.stdout
    (found,) = json.loads((tmp_path / "plan.json").read_text())
    assert found["stage"] == "1-warmup"
    assert found["work"] == {"problems": 800, "responses": None, "tokens": None, "steps": 13, "epochs": 20}
    training = found["phases"]["training"]["whole"]
    assert found["most"] >= sum(training.values())


def test_one_that_does_not_is_told_what_to_change(tmp_path: Path):
    done = lit_mstar(tmp_path, "plan", str(STAGE), "--memory", "0.02")
    assert done.returncode == 1
    assert "1-warmup does not fit. To make it smaller" in done.stdout
    assert "batch_size: 1, accumulate_grad_batches: 32:" in done.stdout


def test_an_overlay_counts(tmp_path: Path):
    (tmp_path / "more.yaml").write_text(yaml.safe_dump({"data": {"init_args": {"batch_size": 4}}}))
    done = lit_mstar(tmp_path, "plan", str(STAGE), "--config", "more.yaml", "--json", "plan.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "plan.json").read_text())[0]["work"]["steps"] == 200


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["."], ". is no config, nor a folder of stage configs"),
        (["nowhere"], "argument recipe: nowhere does not exist"),
        ([str(STAGE), "--gpus", "0"], "--gpus is 0"),
        ([str(STAGE), "--memory", "-1"], "--memory -1"),
        ([str(STAGE), "--config", "gone.yaml"], "argument --config: gone.yaml does not exist"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, args: list[str], message: str):
    done = lit_mstar(tmp_path, "plan", *args)
    assert done.returncode != 0
    assert message in done.stderr


def test_a_model_that_is_not_there_is_named(tmp_path: Path):
    config = read_config(STAGE)
    config["model"]["init_args"]["backbone"] = {"class_path": "lit_mstar.Backbone", "init_args": {"path": "./gone"}}
    (tmp_path / "stage.yaml").write_text(yaml.safe_dump(config))
    done = lit_mstar(tmp_path, "plan", "stage.yaml")
    assert done.returncode != 0
    assert "./gone is not a model folder" in done.stderr
