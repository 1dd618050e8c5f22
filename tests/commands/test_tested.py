"""What `--ckpt_path` may name where a model is only measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonargparse import Namespace

from lit_mstar.commands.tested import point_at, unpointed


def config(ckpt_path: str | None, **options: Any) -> Namespace:
    model = Namespace(class_path="lit_mstar.modules.BenchmarkModule", init_args=Namespace(**options))
    return Namespace(ckpt_path=ckpt_path, model=model)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "4-evolve" / "model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize("up", [0, 1])
def test_a_models_folder_or_its_stages(model: Path, up: int):
    found = config(str([model, *model.parents][up]), backbone=None)
    point_at(found)
    assert found.ckpt_path is None
    backbone = found.model.init_args.backbone
    assert (backbone.class_path, backbone.init_args.path) == ("lit_mstar.models.backbone.Backbone", str(model))


def test_an_adapters_folder(tmp_path: Path):
    (tmp_path / "adapter_config.json").write_text("{}")
    found = config(str(tmp_path), backbone=None)
    point_at(found)
    assert found.model.init_args.backbone.init_args.path == str(tmp_path)


def test_how_a_model_is_loaded_stays_and_how_it_is_trained_goes(model: Path):
    given = Namespace(path="other", dtype="bfloat16", prompt="Q {question}", lora={"r": 4}, freeze_vision=True)
    found = config(str(model), backbone=Namespace(class_path="lit_mstar.Backbone", init_args=given))
    point_at(found)
    kept = vars(found.model.init_args.backbone.init_args)
    assert kept == {"path": str(model), "dtype": "bfloat16", "prompt": "Q {question}"}


def test_a_model_built_on_the_spot_gives_way(model: Path):
    tiny = Namespace(class_path="lit_mstar.TinyBackbone", init_args=Namespace(corpus=["a"], prompt="x"))
    found = config(str(model), backbone=tiny)
    point_at(found)
    assert vars(found.model.init_args.backbone.init_args) == {"path": str(model)}


def test_a_name_on_the_hub():
    found = config("Qwen/Qwen3-VL-2B-Instruct", backbone=None)
    point_at(found)
    assert found.model.init_args.backbone.init_args.path == "Qwen/Qwen3-VL-2B-Instruct"


def test_a_checkpoint_takes_its_runs_backbone(tmp_path: Path):
    file = tmp_path / "run" / "checkpoints" / "last.ckpt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    found = config(str(file), backbone=None)
    with pytest.raises(ValueError, match="has no config.yaml beside it"):
        point_at(found)
    described = {"class_path": "lit_mstar.Backbone", "init_args": {"path": "base", "dtype": "bfloat16"}}
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump({"model": {"init_args": {"backbone": described}}}))
    point_at(found)
    assert found.ckpt_path == str(file)
    assert found.model.init_args.backbone.init_args.path == "base"
    own = config(str(file), backbone="mine")
    point_at(own)
    assert own.model.init_args.backbone == "mine"


def test_a_servers_url():
    found = config("http://127.0.0.1:8000/v1", backbone=None, sampler=None)
    point_at(found)
    sampler = found.model.init_args.sampler
    assert (sampler.class_path, sampler.init_args.url) == (
        "lit_mstar.samplers.ChatServerSampler",
        "http://127.0.0.1:8000/v1",
    )
    assert found.ckpt_path is None


def test_a_server_is_asked_benchmarks_alone():
    found = config("http://127.0.0.1:8000/v1", backbone="mine")
    found.model.class_path = "lit_mstar.PolicyModule"
    with pytest.raises(ValueError, match="is a server, which can be asked benchmarks: --config configs/benchmarks"):
        point_at(found)


@pytest.mark.parametrize("word", [None, "best", "last"])
def test_lightnings_own_words_are_left_alone(word: str | None):
    found = config(word, backbone=None)
    point_at(found)
    assert (found.ckpt_path, found.model.init_args.backbone) == (word, None)


def test_what_is_none_of_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match="holds no model: neither config.json"):
        point_at(config(str(tmp_path), backbone=None))
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="--ckpt_path runs/typo does not exist"):
        point_at(config("runs/typo", backbone=None))
    with pytest.raises(ValueError, match="--ckpt_path gone.ckpt does not exist"):
        point_at(config("gone.ckpt", backbone=None))


def test_without_a_checkpoint_it_is_said_what_is_measured(tmp_path: Path) -> None:
    found = config(None, backbone=Namespace(class_path="lit_mstar.Backbone", init_args=Namespace(path="start/model")))
    found.trainer = Namespace(default_root_dir=str(tmp_path))
    said = "Without --ckpt_path, the model that training begins with is measured (start/model)."
    assert unpointed(found) == said
    (tmp_path / "model").mkdir()
    assert unpointed(found) == f"{said} What this config has trained: --ckpt_path {tmp_path}."
    found.model.init_args.backbone = Namespace(class_path="lit_mstar.TinyBackbone", init_args=Namespace())
    assert "(as the config says)" in unpointed(found)
