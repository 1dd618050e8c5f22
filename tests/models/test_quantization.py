"""A base with fewer bits is checked before it is loaded, trains an adapter only, and is never merged into."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_mstar import Backbone, Problem
from lit_mstar.models import quantization
from lit_mstar.modules.likelihood import response_nll
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler
from lit_mstar.samplers.engine import require_mergeable
from support.helpers import make_tiny_backbone

INSTALLED = importlib.util.find_spec("bitsandbytes") is not None
LORA = {"r": 8, "target_modules": "all-linear"}


def test_bits_must_be_said():
    with pytest.raises(ValueError, match="load_in_4bit or load_in_8bit"):
        Backbone("x", quantization={"bnb_4bit_quant_type": "nf4"})


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quantization, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'lit-mstar\[quantization\]'"):
        Backbone("x", quantization={"load_in_4bit": True})


def test_a_quantized_base_is_not_merged_into(tiny_folder: Path, tmp_path: Path):
    config = (tiny_folder / "config.json").read_text()
    (tmp_path / "config.json").write_text(
        config.replace("{", '{"quantization_config": {"quant_method": "bitsandbytes"},', 1)
    )
    backbone = Backbone(str(tmp_path))
    assert backbone.quantized
    require_mergeable(backbone, "adapter", "VLLMSampler")
    with pytest.raises(ValueError, match=r"VLLMSampler.sync is merged, but .* is quantized: set sync: adapter"):
        require_mergeable(backbone, "merged", "VLLMSampler")
    require_mergeable(Backbone(str(tiny_folder)), "merged", "VLLMSampler")
    with pytest.raises(ValueError, match="is quantized: train an adapter on it"):
        backbone.require_trainable(make_tiny_backbone().load_model())


@pytest.mark.skipif(not INSTALLED, reason="needs bitsandbytes")
def test_four_bits_load_train_an_adapter_and_serve_it(tmp_path: Path):
    # Rows of 64 numbers share a scale: smaller layers cannot be served on a CPU.
    whole = make_tiny_backbone(hidden_size=64, intermediate_size=128, vision_size=64)
    whole.save(whole.load_model(), tmp_path / "base")
    backbone = Backbone(str(tmp_path / "base"), quantization={"load_in_4bit": True}, lora=LORA)
    model: Any = backbone.load_model()
    assert any(p.dtype == torch.uint8 for p in model.parameters())
    ids = backbone.encoder.response_ids("Answer: 7")
    problem = Problem(id="p", question="What is 3 + 4?")
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.2)
    losses = []
    for _ in range(30):
        loss, _ = response_nll(model, backbone.encoder.collate([problem], [ids]))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss))
    assert losses[-1] < losses[0] - 1
    backbone.save(model, tmp_path / "adapter")
    assert (tmp_path / "adapter" / "adapter_config.json").is_file()
    again = Backbone(str(tmp_path / "adapter"), quantization={"load_in_4bit": True})

    class Policy:
        encoder = again.encoder

    texts = []
    for served in (model, again.load_model()):
        sampler, policy = TransformersSampler(), Policy()
        policy.model = served  # type: ignore[attr-defined]
        sampler.load_policy(policy)  # type: ignore[arg-type]
        ((_, rollout),) = sampler.sample([problem], SamplingParams(n=2, temperature=0.0, max_tokens=8))
        texts.append([response.text for response in rollout.responses])
    assert texts[0] == texts[1]
