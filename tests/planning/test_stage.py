"""What configs say, and whose model a stage has that an earlier one has yet to make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_mstar.planning.stage import argument, read_stages
from lit_mstar.planning.workload import workload

CONFIGS = Path(__file__).parents[2] / "configs"


def test_the_quickstart_has_four_stages_of_one_model():
    stages = read_stages(CONFIGS / "quickstart")
    assert [(s.name, s.kind, s.evolves, s.filter is not None) for s in stages] == [
        ("1-warmup", "policy", False, False),
        ("2-annotate", "annotator", False, False),
        ("3-prm", "prm", False, False),
        ("4-evolve", "policy", True, True),
    ]
    assert {type(s.backbone).__name__ for s in stages} == {"TinyBackbone"}
    work = [workload(s, gpus=1) for s in stages]
    assert (work[0].problems, work[0].steps, work[0].epochs) == (800, 25, 20)
    assert (work[1].responses, work[1].tokens) == (8000, 320_000)
    assert (work[3].problems, work[3].responses, work[3].tokens) == (3200, 6400, 256_000)
    assert (work[3].steps, work[3].epochs) == (50, 8)  # the top 2 of 800 problems in batches of 32
    assert workload(stages[3], gpus=4).steps == 13


def test_what_is_not_there_yet_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)  # where the recipe's files are not
    stage = read_stages(CONFIGS / "qwen3_vl_2b")[3]
    assert stage.problems == []
    assert (workload(stage, gpus=8).responses, workload(stage, gpus=8).steps) == (None, None)


def test_what_a_config_leaves_out_is_the_classes_own_default():
    data = {"class_path": "lit_mstar.data.SelfEvolvingDataModule", "init_args": {"interval": 0.5}}
    assert (argument(data, "interval"), argument(data, "batch_size"), argument(data, "nothing")) == (0.5, 128, None)
    assert argument({"class_path": "lit_mstar.samplers.TransformersSampler"}, "batch_size") == 256
    assert argument({"class_path": "lit_mstar.samplers.VLLMSampler"}, "gpu_memory_utilization") == 0.3


def test_later_stages_have_the_adapter_of_the_first():
    stages = read_stages(CONFIGS / "qwen3_vl_2b")
    assert {s.backbone.path for s in stages} == {"Qwen/Qwen3-VL-2B-Instruct"}
    assert {str(s.backbone.lora) for s in stages} == {str(stages[0].backbone.lora)} != {"None"}
    assert all(s.backbone.gradient_checkpointing and s.backbone.freeze_vision for s in stages)


def test_overlays_are_laid_as_on_the_command_line(tmp_path: Path):
    overlay = tmp_path / "more.yaml"
    overlay.write_text(yaml.safe_dump({"trainer": {"strategy": "ddp"}, "data": {"init_args": {"batch_size": 7}}}))
    (stage,) = read_stages(CONFIGS / "quickstart" / "4-evolve.yaml", [overlay])
    assert (stage.trainer["strategy"], stage.data("batch_size"), stage.data("interval")) == ("ddp", 7, 0.25)


def test_an_overlay_is_laid_over_what_has_its_options_as_in_a_run(tmp_path: Path):
    overlay = tmp_path / "more.yaml"
    sampler = {"init_args": {"batch_size": 3}}
    callbacks = [{"class_path": "lit_mstar.callbacks.PRMFilter"}]
    more = {"trainer": {"callbacks+": callbacks}, "model": {"init_args": {"sampler": sampler}}}
    overlay.write_text(yaml.safe_dump(more))
    stages = read_stages(CONFIGS / "quickstart", [overlay])
    assert [stage.filter is not None for stage in stages] == [
        False,
        True,
        False,
        True,
    ]  # neither has the warmup a sampler's options
    assert stages[1].model("sampler")["init_args"] == {"batch_size": 3}
    assert stages[1].model("sampler")["class_path"] == "lit_mstar.samplers.TransformersSampler"


@pytest.mark.parametrize(
    ("options", "lora"), [({"adapter": "merge"}, None), ({}, {"r": 2}), ({"lora": {"r": 2}}, {"r": 2})]
)
def test_a_merged_adapter_is_gone(tmp_path: Path, options: dict[str, Any], lora: Any):
    for name, backbone in (
        ("1-a", {"path": "org/base", "lora": {"r": 2}}),
        ("2-b", {"path": "runs/r/1-a/model", **options}),
    ):
        model = {"class_path": "lit_mstar.Backbone", "init_args": backbone}
        stage = {
            "trainer": {"default_root_dir": f"runs/r/{name}"},
            "model": {"class_path": "lit_mstar.PolicyModule", "init_args": {"backbone": model}},
            "data": {"class_path": "lit_mstar.data.SupervisedDataModule"},
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(stage))
    assert read_stages(tmp_path)[1].backbone.lora == lora
    assert read_stages(tmp_path)[1].backbone.path == "org/base"


@pytest.mark.parametrize("content", [None, "a: 1\n", "[1]\n"])
def test_what_is_no_stage_is_named(tmp_path: Path, content: str | None):
    file = tmp_path / "1-x.yaml"
    if content:
        file.write_text(content)
    with pytest.raises(ValueError, match="is no config" if content is None else "1-x.yaml is no stage config"):
        read_stages(tmp_path if content else file)
