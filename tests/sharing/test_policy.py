"""An exported policy is loaded by others' programs as any model is, and says the same."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from lit_mstar import Backbone, Problem
from lit_mstar.sharing.command import export
from lit_mstar.sharing.exported import Exported
from support.taught import CHAIN, LESSONS, responses

RED = next(iter(LESSONS))


def image_of(problem: Problem) -> Image.Image:
    assert isinstance(problem.images[0], bytes)
    return Image.open(io.BytesIO(problem.images[0])).convert("RGB")


def code_of(card: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", card.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def out(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "my-model"
    said = export(Exported("policy", saved), folder)
    assert said == f"{folder}: the model of {saved}, whole"
    return folder


def test_plain_transformers_answers_as_we_do(out: Path, taught: Any):
    model = AutoModelForImageTextToText.from_pretrained(out).eval()
    processor = AutoProcessor.from_pretrained(out)
    turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": RED.question}]}]
    text = processor.apply_chat_template(turns, add_generation_prompt=True)
    inputs = processor(text=[text], images=[[image_of(RED)]], return_tensors="pt", add_special_tokens=False)
    tokens = model.generate(**inputs, max_new_tokens=60, do_sample=False)[0, inputs["input_ids"].shape[1] :].tolist()
    ((ours,),) = responses(taught, [RED], n=1, temperature=0.0, max_tokens=60)
    assert tokens == ours.token_ids  # to the end of the turn, and no further
    assert ours.text == CHAIN.format(3, 3, 7, 7)


def test_the_cards_own_code_runs(out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(out.parent)
    names: dict[str, Any] = {"question": RED.question, "image": image_of(RED)}
    for block in code_of(out / "README.md"):
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - that is what is tested
    assert capsys.readouterr().out.strip() == CHAIN.format(3, 3, 7, 7)


def test_generation_stops_where_the_turn_ends(out: Path, taught: Any):
    said = json.loads((out / "generation_config.json").read_text())
    ends = said["eos_token_id"] if isinstance(said["eos_token_id"], list) else [said["eos_token_id"]]
    assert ends == taught.encoder.end_ids
    assert (out / "chat_template.jinja").is_file()


def test_what_is_said_to_the_model_stands_on_its_card(saved: Path, tmp_path: Path):
    folder = tmp_path / "model"
    backbone = Backbone(str(saved), prompt='Say "{question}" and\nthink.{choices}', system="Be brief.")
    backbone.save(backbone.load_model(), folder)
    export(Exported("policy", folder), tmp_path / "out")
    code = code_of(tmp_path / "out" / "README.md")[-1]
    names: dict[str, Any] = {"question": "How many?"}
    head = code[: code.index("text =")]
    exec(compile(head, "README.md", "exec"), names)  # noqa: S102
    system, user = names["turns"]
    assert system == {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
    assert user["content"][1]["text"] == 'Say "How many?" and\nthink.'


@pytest.fixture(scope="module")
def adapter(saved: Path, lora: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lora") / "model"
    backbone = Backbone(str(saved), lora=lora)
    model = backbone.load_model()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5)
    backbone.save(model, folder)
    return folder


def logits(model: Any, taught: Any) -> torch.Tensor:
    batch = taught.encoder.collate([RED], [taught.encoder.response_ids(LESSONS[RED])])
    batch.pop("labels")
    with torch.no_grad():
        found: torch.Tensor = model.eval()(**batch).logits
    return found


def test_an_adapter_stays_one_for_peft(adapter: Path, saved: Path, tmp_path: Path, taught: Any):
    said = export(Exported("policy", adapter), tmp_path / "out")
    assert "the adapter of" in said
    assert "--merge makes one that needs nothing else" in said
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
    assert not (tmp_path / "out" / "model.safetensors").exists()
    base = AutoModelForImageTextToText.from_pretrained(saved)
    before = logits(base, taught)
    theirs = logits(PeftModel.from_pretrained(base, tmp_path / "out"), taught)
    ours = logits(Backbone(str(adapter)).load_model(), taught)
    assert torch.allclose(theirs, ours, atol=1e-5)
    assert not torch.allclose(theirs, before, atol=1e-2)
    assert "PeftModel.from_pretrained" in (tmp_path / "out" / "README.md").read_text()


def test_a_merged_one_needs_nothing_else(adapter: Path, tmp_path: Path, taught: Any):
    export(Exported("policy", adapter), tmp_path / "out", merge=True)
    theirs = logits(AutoModelForImageTextToText.from_pretrained(tmp_path / "out"), taught)
    ours = logits(Backbone(str(adapter)).load_model(), taught)
    assert torch.allclose(theirs, ours, atol=1e-4)
    assert not (tmp_path / "out" / "adapter_config.json").exists()


def test_a_folder_that_is_there_is_left_alone(saved: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="exists; give another --out"):
        export(Exported("policy", saved), tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())


@pytest.mark.slow
@pytest.mark.vllm
def test_vllm_serves_it_by_its_path_alone(saved: Path, tmp_path: Path, taught: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # a process of its own would import everything anew
    from vllm import LLM, SamplingParams
    from vllm.distributed import cleanup_dist_env_and_memory

    from support.engines import SMALL_ENGINE

    export(Exported("policy", saved), tmp_path / "out")
    engine = LLM(str(tmp_path / "out"), dtype="float32", max_model_len=256, enforce_eager=True, **SMALL_ENGINE)
    prompt = {"prompt_token_ids": taught.encoder.prompt_ids(RED), "multi_modal_data": {"image": image_of(RED)}}
    (found,) = engine.generate(prompt, SamplingParams(temperature=0, max_tokens=60))
    del engine
    cleanup_dist_env_and_memory()  # for the engines of other tests
    assert found.outputs[0].text.strip() == CHAIN.format(3, 3, 7, 7)
    assert found.outputs[0].finish_reason == "stop"
