from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor, nn

from lit_mstar import Backbone, Problem, TinyBackbone
from lit_mstar.models.vision import freeze_vision_tower
from support.helpers import make_tiny_backbone, png

PROBLEMS = [
    Problem(id="a", question="What is the sum?", images=(png(20, 9, (0, 90, 200)),)),
    Problem(id="b", question="What is 3 + 4?"),
]
LORA = {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"]}


def batch_of(backbone: Backbone) -> dict[str, Tensor]:
    encoder = backbone.encoder
    return encoder.collate(PROBLEMS, [encoder.response_ids(text) for text in ("Answer: 7", "Step 1: no.\nAnswer: 8")])


def gradients(model: nn.Module, backbone: Backbone) -> dict[str, Tensor]:
    model(**batch_of(backbone)).loss.backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def logits(model: nn.Module, backbone: Backbone) -> Tensor:
    with torch.no_grad():
        return model.eval()(**batch_of(backbone)).logits


def test_a_saved_model_gives_the_same_logits(tiny_backbone: TinyBackbone, tmp_path: Path):
    model = tiny_backbone.load_model()
    tiny_backbone.save(model, tmp_path)
    again = Backbone(str(tmp_path))
    assert torch.equal(logits(model, tiny_backbone), logits(again.load_model(), again))


def test_a_saved_processor_encodes_the_same(tiny_backbone: TinyBackbone, folder_backbone: Backbone):
    ours, theirs = batch_of(tiny_backbone), batch_of(folder_backbone)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_without_its_head_a_model_ends_in_hidden_states(folder_backbone: Backbone):
    batch = batch_of(folder_backbone)
    headed, headless = (folder_backbone.load_model(head).eval() for head in (True, False))
    with torch.no_grad():
        output = headed(**batch, output_hidden_states=True)
        hidden = headless(**{n: v for n, v in batch.items() if n != "labels"}).last_hidden_state
    assert torch.equal(hidden, output.hidden_states[-1])
    torch.testing.assert_close(headed.lm_head(hidden), output.logits)


def test_lora_trains_only_its_adapters(tiny_folder: Path):
    backbone = Backbone(str(tiny_folder), lora=LORA)
    model = backbone.load_model()
    moved = gradients(model, backbone)
    assert moved.keys() == {name for name, _ in model.named_parameters() if "lora_" in name}
    assert any(grad.abs().max() > 0 for grad in moved.values())


def test_an_untrained_adapter_changes_nothing(tiny_folder: Path, folder_backbone: Backbone):
    backbone = Backbone(str(tiny_folder), lora=LORA)
    torch.testing.assert_close(
        logits(backbone.load_model(), backbone), logits(folder_backbone.load_model(), folder_backbone)
    )


def test_a_saved_adapter_reloads_equal(tiny_folder: Path, tmp_path: Path):
    backbone = Backbone(str(tiny_folder), lora=LORA)
    model = backbone.load_model()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_()
    backbone.save(model, tmp_path)
    assert set(load_file(tmp_path / "adapter_model.safetensors")) == {
        name.replace(".default", "") for name, _ in model.named_parameters() if "lora_" in name
    }
    again = PeftModel.from_pretrained(Backbone(str(tiny_folder)).load_model(), tmp_path)
    assert torch.equal(logits(model, backbone), logits(again, backbone))
    assert not torch.allclose(logits(model, backbone), logits(Backbone(str(tiny_folder)).load_model(), backbone))


def test_a_saved_adapter_is_a_model_folder(tiny_folder: Path, tmp_path: Path):
    backbone = Backbone(str(tiny_folder), lora=LORA)
    model = backbone.load_model()
    backbone.save(model, tmp_path / "runs" / "model")
    again = Backbone(str(tmp_path / "runs" / "model"))
    torch.testing.assert_close(logits(model, backbone), logits(again.load_model(), again))


def test_freezing_takes_exactly_the_vision_tower(tiny_folder: Path):
    backbone = Backbone(str(tiny_folder), freeze_vision=True)
    model: Any = backbone.load_model()
    tower = {id(p) for p in model.model.vision_model.parameters()}
    assert tower
    assert {id(p) for p in model.parameters() if not p.requires_grad} == tower
    learning = gradients(model, backbone)
    assert "model.connector.modality_projection.proj.weight" in learning
    assert not any("vision_model" in name for name in learning)


def test_a_model_without_a_tower_cannot_freeze_it(tiny_backbone: TinyBackbone):
    model: Any = tiny_backbone.load_model()
    with pytest.raises(ValueError, match="LlamaModel has no module named vision_model"):
        freeze_vision_tower(model.model.text_model)


@pytest.mark.parametrize("options", [{}, {"freeze_vision": True}, {"lora": LORA}])
def test_gradient_checkpointing_gives_the_same_gradients(tiny_folder: Path, options: dict[str, Any]):
    found = []
    for checkpointing in (False, True):
        torch.manual_seed(1)  # LoRA's first weights are random
        backbone = Backbone(str(tiny_folder), gradient_checkpointing=checkpointing, **options)
        model: Any = backbone.load_model()
        assert getattr(model, "base_model", model).is_gradient_checkpointing is checkpointing
        found.append(gradients(model, backbone))
    assert found[0].keys() == found[1].keys()
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name])


@pytest.mark.parametrize(("dtype", "wanted"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_weights_have_the_wanted_dtype(tiny_folder: Path, dtype: Any, wanted: torch.dtype):
    assert {p.dtype for p in Backbone(str(tiny_folder), dtype=dtype).load_model().parameters()} == {wanted}


def test_a_loaded_model_is_ready_to_train(folder_backbone: Backbone):
    assert all(module.training for module in folder_backbone.load_model().modules())


def test_the_architecture_is_read_without_weights(tiny_folder: Path, tmp_path: Path):
    shutil.copy(tiny_folder / "config.json", tmp_path)
    assert Backbone(str(tmp_path)).architecture() == "Idefics3ForConditionalGeneration"
    assert Backbone(str(tiny_folder)).architecture() == make_tiny_backbone().architecture()


def test_a_prompt_needs_the_question():
    with pytest.raises(ValueError, match=r"Backbone\.prompt is 'Think\.'; it must contain \{question\}"):
        Backbone("x", prompt="Think.")


def test_an_unknown_lora_key_is_named():
    with pytest.raises(ValueError, match=r"Backbone\.lora: .*'rank'.*peft\.LoraConfig"):
        Backbone("x", lora={"rank": 2})


@pytest.mark.parametrize(("stage", "command"), [("1-warmup", "fit"), ("2-annotate", "annotate")])
def test_a_missing_folder_names_the_stage_that_makes_it(tmp_path: Path, stage: str, command: str):
    backbone = Backbone(str(tmp_path / "runs" / "digits" / stage / "model"))
    for use in (backbone.check, backbone.load_model, backbone.architecture, lambda: backbone.processor):
        with pytest.raises(ValueError, match=f"Stage {stage} makes it: run `lit-mstar {command} --config"):
            use()


def test_pickled_weights_are_refused(tiny_folder: Path, tmp_path: Path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="no file named model.safetensors"):
        Backbone(str(folder)).load_model()


@pytest.mark.parametrize("use", ["load_model", "architecture", "processor"])
def test_code_in_the_folder_is_not_run(tmp_path: Path, use: str):
    marker = tmp_path / "was-run"
    (tmp_path / "code.py").write_text(f"open({str(marker)!r}, 'w').close()\nclass C: pass\n")
    auto = {"AutoConfig": "code.C", "AutoModelForImageTextToText": "code.C", "AutoProcessor": "code.C"}
    for name in ("config.json", "processor_config.json", "tokenizer_config.json"):
        (tmp_path / name).write_text(json.dumps({"model_type": "unheard-of", "auto_map": auto}))
    backbone = Backbone(str(tmp_path))
    with pytest.raises(ValueError, match="trust_remote_code"):
        backbone.processor if use == "processor" else getattr(backbone, use)()
    assert not marker.exists()
