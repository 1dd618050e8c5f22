"""Loading unit by unit gives the model of `load_model`, bit for bit, and never holds all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lit_mstar import Backbone
from lit_mstar.models.sharding import units
from support.helpers import make_tiny_backbone

LORA = {"r": 2, "target_modules": ["q_proj", "v_proj"]}
PRM_LORA = {"r": 2, "target_modules": ["q_proj"], "modules_to_save": ["connector"]}


class Freeing:
    """Stands for a rank that keeps next to nothing of each unit: takes its weights' copies, frees their memory."""

    def __init__(self) -> None:
        self.kept: dict[int, torch.Tensor] = {}
        self.peak = 0
        self.root: Any = None

    def __call__(self, unit: nn.Module) -> nn.Module:
        self.peak = max(self.peak, held(self.root))
        for parameter in unit.parameters():
            if id(parameter) not in self.kept:
                self.kept[id(parameter)] = parameter.detach().clone()
                parameter.data = torch.zeros((), dtype=parameter.dtype).expand(parameter.shape)
        return unit

    def restore(self, model: nn.Module) -> nn.Module:
        for parameter in model.parameters():
            parameter.data = self.kept[id(parameter)]
        return model


def held(model: nn.Module) -> int:
    """Bytes of memory behind a model's parameters."""
    storages = {p.untyped_storage().data_ptr(): p.untyped_storage().nbytes() for p in model.parameters()}
    return sum(storages.values())


def both(backbone: Backbone, head: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[nn.Module, nn.Module, int]:
    """The model as ever, the model unit by unit, and the most bytes of weights the second held at a time."""
    torch.manual_seed(3)
    expected = backbone.load_model(head)
    after = torch.get_rng_state()
    freeing, prepared = Freeing(), Backbone._prepared

    def remember(self: Backbone, model: Any, **options: Any) -> Any:
        freeing.root = prepared(self, model, **options)
        return freeing.root

    monkeypatch.setattr(Backbone, "_prepared", remember)
    torch.manual_seed(3)
    model = freeing.restore(backbone.load_sharded(freeing, head))
    assert torch.equal(torch.get_rng_state(), after)  # what is drawn next is the same, too
    return expected, model, freeing.peak


def assert_equal(model: nn.Module, expected: nn.Module) -> None:
    assert type(model) is type(expected)
    ours, theirs = dict(model.named_parameters()), dict(expected.named_parameters())
    assert ours.keys() == theirs.keys()
    for name, parameter in theirs.items():
        assert torch.equal(ours[name], parameter), name
        assert (ours[name].dtype, ours[name].requires_grad) == (parameter.dtype, parameter.requires_grad), name
    buffers = dict(model.named_buffers())
    assert all(torch.equal(buffers[name], buffer) for name, buffer in expected.named_buffers())
    assert [m.training for m in model.modules()] == [m.training for m in expected.modules()]
    assert model.config.to_dict() == expected.config.to_dict()


@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize(
    "options",
    [{}, {"freeze_vision": True}, {"lora": LORA}, {"lora": PRM_LORA}, {"dtype": "bfloat16"}, {"dtype": "auto"}],
    ids=str,
)
def test_unit_by_unit_is_the_same_model(
    tiny_folder: Path, options: dict[str, Any], head: bool, monkeypatch: pytest.MonkeyPatch
):
    expected, model, peak = both(Backbone(str(tiny_folder), **options), head, monkeypatch)
    assert_equal(model, expected)
    assert peak < held(expected)


def test_deep_model_is_held_by_one_block_or_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    backbone = make_tiny_backbone(num_layers=12)
    backbone.save(backbone.load_model(), tmp_path)
    expected, model, peak = both(Backbone(str(tmp_path)), True, monkeypatch)
    assert_equal(model, expected)
    blocks = [held(expected.get_submodule(name)) for name in units(expected)]
    assert len(blocks) == 13
    assert peak < 1.01 * max(max(blocks), held(expected) - sum(blocks))  # stubs take a few bytes


def test_files_by_an_index_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    backbone = make_tiny_backbone()
    backbone.load_model().save_pretrained(tmp_path, max_shard_size="50KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    expected, model, _ = both(Backbone(str(tmp_path)), True, monkeypatch)
    assert_equal(model, expected)


def test_folder_without_a_head_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    backbone = make_tiny_backbone()
    backbone.load_model(head=False).save_pretrained(tmp_path)
    expected, model, _ = both(Backbone(str(tmp_path)), False, monkeypatch)
    assert_equal(model, expected)


def test_tied_weights_stay_tied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model: Any = make_tiny_backbone().load_model()
    model.config.tie_word_embeddings = model.config.text_config.tie_word_embeddings = True
    model.tie_weights()
    model.save_pretrained(tmp_path)
    expected, found, _ = both(Backbone(str(tmp_path)), True, monkeypatch)
    assert found.get_output_embeddings().weight is found.get_input_embeddings().weight
    assert_equal(found, expected)


def test_adapter_folder_is_a_model_too(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    backbone = Backbone(str(tiny_folder), lora=LORA)
    adapted = backbone.load_model()
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            nn.init.normal_(parameter)
    backbone.save(adapted, tmp_path / "adapter")
    expected, model, _ = both(Backbone(str(tmp_path / "adapter")), True, monkeypatch)
    assert {n for n, p in model.named_parameters() if p.requires_grad} == {
        n for n, _ in model.named_parameters() if "lora_" in n
    }
    assert_equal(model, expected)


def test_missing_weight_is_named(tiny_folder: Path, tmp_path: Path):
    backbone = make_tiny_backbone()
    backbone.load_model().save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors.pop("lm_head.weight")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"has no lm_head.weight.*strategy: ddp"):
        Backbone(str(tmp_path)).load_sharded(lambda unit: unit)


def test_folder_without_safetensors_is_refused(tmp_path: Path):
    make_tiny_backbone().load_model().config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no safetensors weights"):
        Backbone(str(tmp_path)).load_sharded(lambda unit: unit)


def test_weight_of_another_shape_is_named(tmp_path: Path):
    backbone = make_tiny_backbone()
    backbone.load_model().save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["lm_head.weight"] = tensors["lm_head.weight"][:, 1:].contiguous()
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lm_head.weight has shape \(\d+, 31\), the model \(\d+, 32\)"):
        Backbone(str(tmp_path)).load_sharded(lambda unit: unit)
