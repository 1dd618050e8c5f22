"""A path is a folder, an adapter on one, or a name on the hub; what is meant as a folder is not looked for there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, LlamaConfig, PreTrainedConfig, Qwen3VLConfig

from lit_mstar import Backbone
from lit_mstar.models.origin import Origin, auto_class, clear_errors, require_path
from lit_mstar.models.weights import write


def test_a_folder_is_its_own_base(tiny_folder: Path):
    assert Origin.of(str(tiny_folder)) == Origin(str(tiny_folder), str(tiny_folder), None)


def test_an_adapter_names_its_base(tiny_folder: Path, tmp_path: Path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tiny_folder)}))
    assert Origin.of(str(tmp_path)) == Origin(str(tmp_path), str(tiny_folder), tmp_path)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        (None, "names no base model"),
        ("", "names no base model"),
        ("gone/away/model", "is an adapter on gone/away/model"),
    ],
)
def test_an_adapter_without_its_base_says_so(tmp_path: Path, base: str | None, message: str):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    with pytest.raises(ValueError, match=message):
        Origin.of(str(tmp_path))


@pytest.mark.parametrize("path", ["models/qwen", "./qwen", "/models/qwen", "a/b/c", "empty", "models", "~/qwen", ""])
def test_what_is_meant_as_a_folder_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str):
    """One slash was taken for a name on the hub, which ended in a long error of the hub's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"is not a model folder \(no config.json in it\)"):
        require_path(path)


@pytest.mark.parametrize("path", ["Qwen/Qwen3-VL-2B-Instruct", "gpt2"])
def test_other_names_are_the_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str):
    monkeypatch.chdir(tmp_path)
    require_path(path)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError("We couldn't connect.\nMuch more."),
            r"org/model is no folder here, .*\(We couldn't connect.\); correct",
        ),
        (ImportError("needs `num2words`"), r"pip install 'lit-mstar\[smolvlm\]'"),
        (ImportError("\nTorchvision is missing"), r"pip install 'lit-mstar\[torchvision\]'"),
    ],
)
def test_long_errors_become_one_line(error: Exception, message: str):
    with pytest.raises(ValueError, match=message), clear_errors("org/model"):
        raise error


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def other_sizes(file: Path) -> None:
    config = json.loads(file.read_text())
    config["text_config"]["intermediate_size"] *= 2
    file.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("config.json", cut),
        ("config.json", other_sizes),
        ("model.safetensors", cut),
        ("model.safetensors", Path.unlink),
        ("model.safetensors", lambda file: file.write_bytes(b"")),
        ("tokenizer.json", cut),
        ("tokenizer.json", lambda file: file.write_text("[1]")),
        ("processor_config.json", Path.unlink),
    ],
)
def test_what_is_wrong_in_a_folder_that_is_there_is_one_line(
    name: str, spoil: Callable[[Path], object], tiny_folder: Path, tmp_path: Path
):
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    spoil(folder / name)
    with pytest.raises(ValueError, match=rf"^{folder} cannot be loaded: .+\. Are its files whole\?$"):
        loaded(Backbone(str(folder)))


def loaded(backbone: Backbone) -> tuple[object, object]:
    return backbone.processor, backbone.load_model()


def test_memory_that_does_not_suffice_is_no_fault_of_the_files(tmp_path: Path):
    with pytest.raises(torch.OutOfMemoryError, match="^too little$"), clear_errors(str(tmp_path)):
        raise torch.OutOfMemoryError("too little")


class Remote(PreTrainedConfig):
    """A configuration that nobody has registered."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)


def test_the_class_is_the_one_that_knows_the_configuration():
    assert auto_class(Qwen3VLConfig(), head=True) is AutoModelForImageTextToText
    assert auto_class(LlamaConfig(), head=True) is AutoModelForCausalLM
    assert auto_class(Qwen3VLConfig(), head=False).__name__ == "AutoModel"
    for name in ("AutoModelForCausalLM", "AutoModel"):
        assert auto_class(Remote(auto_map={name: "code.Model"}), head=True).__name__ == name


def test_stops_come_from_the_generation_config_or_the_configuration(tiny_folder: Path, tmp_path: Path):
    config = json.loads((tiny_folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"eos_token_id": 7}))
    assert Origin.of(str(tmp_path)).stops(False) == [7]
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [3, 5]}))
    assert Origin.of(str(tmp_path)).stops(False) == [3, 5]


def test_settings_that_contradict_themselves_do_not_keep_a_model_from_being_saved(tiny_folder: Path, tmp_path: Path):
    """Some checkpoints say a temperature, and that nothing is drawn: transformers reads that, and won't write it."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    settings = {"eos_token_id": [2, 4], "temperature": 0.6, "do_sample": False}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    backbone = Backbone(str(folder))
    backbone.save(backbone.load_model(), tmp_path / "whole")
    write(backbone.load_sharded(lambda unit: unit), tmp_path / "streamed")
    for saved in ("whole", "streamed"):
        found = json.loads((tmp_path / saved / "generation_config.json").read_text())
        assert (found["eos_token_id"], found["temperature"]) == ([2, 4], 0.6)
