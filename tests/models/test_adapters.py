"""A stage goes on with the adapter of the one before, merges it, or is told why it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lit_mstar import Backbone, Problem, ProcessRewardModule
from lit_mstar.encoding.prompt_cache import inference
from support.helpers import make_tiny_backbone

LORA = {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"]}


@pytest.fixture
def warm(tiny_folder: Path, tmp_path: Path) -> Path:
    """What a first stage with LoRA leaves behind."""
    backbone = Backbone(str(tiny_folder), lora=LORA, prompt="{question} Think.")
    model = backbone.load_model()
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            nn.init.normal_(parameter)
    backbone.save(model, tmp_path / "warm")
    return tmp_path / "warm"


def trainable(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def saved(folder: Path) -> dict[str, Tensor]:
    return {
        name.replace(".weight", ".default.weight"): value
        for name, value in load_file(folder / "adapter_model.safetensors").items()
    }


def logits(model: nn.Module, backbone: Backbone) -> Tensor:
    batch = backbone.encoder.collate([Problem(id="p", question="?")], [backbone.encoder.response_ids("Answer: 7")])
    with inference(model):
        return model(**{k: v for k, v in batch.items() if k != "labels"}).logits  # type: ignore[no-any-return]


@pytest.mark.parametrize("lora", [None, LORA, {"r": 2}, {"target_modules": ["v_proj", "q_proj"]}])
def test_the_next_stage_trains_exactly_the_adapter_of_the_one_before(warm: Path, lora: dict[str, Any] | None):
    """It was frozen without `lora`, and forgotten with it."""
    ours, theirs = trainable(Backbone(str(warm), lora=lora).load_model()), saved(warm)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_what_is_said_to_the_model_goes_with_it(warm: Path):
    assert Backbone(str(warm)).encoder.prompt == "{question} Think."
    assert Backbone(str(warm), prompt="{question}").encoder.prompt == "{question}"


@pytest.mark.parametrize(
    ("lora", "name"),
    [
        ({"r": 4}, "r=2, Backbone.lora says 4"),
        ({"target_modules": ["q_proj"]}, "target_modules"),
        ({"target_modules": ["q_proj", "v_proj", "o_proj"]}, "target_modules"),
        ({"use_dora": True}, "use_dora=False"),
    ],
)
def test_an_adapter_of_another_kind_is_not_silently_taken(warm: Path, lora: dict[str, Any], name: str):
    with pytest.raises(ValueError, match=f"{name}.*adapter: merge"):
        Backbone(str(warm), lora=lora).load_model()


def test_merging_gives_the_same_logits_and_trains_all_or_a_fresh_adapter(warm: Path, tmp_path: Path):
    adapted, merged = Backbone(str(warm)), Backbone(str(warm), adapter="merge")
    model = merged.load_model()
    expected = logits(adapted.load_model(), adapted)
    torch.testing.assert_close(logits(model, merged), expected, atol=1e-5, rtol=1e-4)
    assert not any("lora_" in name for name, _ in model.named_parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
    other = Backbone(str(warm), adapter="merge", lora={"r": 3, "target_modules": ["o_proj"]})
    again = other.load_model()
    assert {name.partition(".lora_")[0].rpartition(".")[2] for name in trainable(again)} == {"o_proj"}
    torch.testing.assert_close(logits(again, other), expected, atol=1e-5, rtol=1e-4)
    for name, parameter in trainable(again).items():
        if "lora_B" in name:
            nn.init.normal_(parameter)
    other.save(again, tmp_path / "whole")  # nobody else has the weights that it is an adapter on
    whole = Backbone(str(tmp_path / "whole"))
    assert not (tmp_path / "whole" / "adapter_config.json").exists()
    torch.testing.assert_close(logits(whole.load_model(), whole), logits(again, other), atol=1e-5, rtol=1e-4)


def test_a_prm_has_an_adapter_of_its_own_on_the_same_base(warm: Path, tmp_path: Path, tiny_folder: Path):
    prm = ProcessRewardModule(Backbone(str(warm)))
    prm.configure_model()
    ours = {name.replace("model.base_model.model.", ""): p for name, p in trainable(prm).items() if "lora_" in name}
    theirs = {name.replace("base_model.model.model.", ""): value for name, value in saved(warm).items()}
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    with torch.no_grad():
        for parameter in ours.values():
            parameter.add_(1)
    prm.save(tmp_path / "prm")
    assert json.loads((tmp_path / "prm" / "adapter_config.json").read_text())["base_model_name_or_path"] == str(
        tiny_folder
    )
    again = ProcessRewardModule.from_folder(str(tmp_path / "prm"))
    state = again.state_dict()
    assert all(torch.equal(state[name], value) for name, value in prm.state_dict().items())
    policy = trainable(Backbone(str(tmp_path / "prm")).load_model())  # with the head, which the PRM has not
    assert policy.keys() == saved(warm).keys()


def test_an_adapter_for_another_base_is_refused(warm: Path, tmp_path: Path):
    backbone = make_tiny_backbone(hidden_size=64)
    backbone.save(backbone.load_model(), tmp_path / "other")
    file = warm / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": str(tmp_path / "other")}))
    with pytest.raises(ValueError, match=r"is an adapter for another base than .*other: \d+ of its tensors do not fit"):
        Backbone(str(warm)).load_model()


def test_an_adapter_with_tensors_missing_is_refused(warm: Path):
    file = warm / "adapter_model.safetensors"
    tensors = load_file(file)
    tensors.pop(next(iter(tensors)))
    save_file(tensors, file)
    with pytest.raises(ValueError, match="1 of its tensors do not fit"):
        Backbone(str(warm)).load_model()


def test_targets_that_match_nothing_are_told_what_there_is(tiny_folder: Path):
    with pytest.raises(
        ValueError, match=r"Backbone.lora: .*nothing_here.*Linear layers of Idefics3.* are named .*q_proj"
    ):
        Backbone(str(tiny_folder), lora={"target_modules": ["nothing_here"]}).load_model()


@pytest.mark.parametrize("excluded", [None, ["o_proj"], r".*layers\.0.*"])
def test_a_frozen_tower_gets_no_adapter(tiny_folder: Path, excluded: Any):
    """12 of 36 tensors lay in it."""
    lora = {"r": 2, "target_modules": "all-linear", "exclude_modules": excluded}
    names = set(trainable(Backbone(str(tiny_folder), lora=lora, freeze_vision=True).load_model()))
    assert names
    assert not [name for name in names if "vision_model" in name]
    assert any("connector" in name for name in names)
    assert any("layers.0" in name for name in names) == (excluded != r".*layers\.0.*")
    assert any("o_proj" in name for name in names) == (excluded != ["o_proj"])


def test_an_earlier_adapters_part_in_a_tower_that_is_frozen_now_stays(tiny_folder: Path, tmp_path: Path):
    backbone = Backbone(str(tiny_folder), lora={"r": 2, "target_modules": "all-linear"})
    backbone.save(backbone.load_model(), tmp_path)
    names = {name for name, _ in Backbone(str(tmp_path)).load_model().named_parameters() if "lora_" in name}
    learning = set(trainable(Backbone(str(tmp_path), freeze_vision=True).load_model()))
    assert learning == {name for name in names if "vision_model" not in name} != names


def test_a_model_in_which_nothing_is_trainable_is_refused(warm: Path):
    backbone = Backbone(str(warm))
    model = backbone.load_model()
    backbone.require_trainable(model)
    with pytest.raises(ValueError, match="Nothing in .* is trainable"):
        backbone.require_trainable(model.requires_grad_(False))


def test_ranks_that_hold_no_whole_model_cannot_merge(warm: Path):
    with pytest.raises(ValueError, match="adapter: merge needs whole weights"):
        Backbone(str(warm), adapter="merge").load_sharded(lambda unit: unit)
