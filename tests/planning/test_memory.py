"""Weights, moments and caches by closed forms, and against the tensors that models really have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import DynamicCache

from lit_mstar import Backbone, Problem
from lit_mstar.encoding.prompt_cache import encode_prompts, inference
from lit_mstar.planning.activations import Activations
from lit_mstar.planning.memory import Memory, Weights, cache_bytes, decoding, element_size, scoring, training, weights

LORA = {"r": 2, "target_modules": ["q_proj", "v_proj"]}


@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"freeze_vision": True},
        {"lora": LORA},
        {"lora": {"r": 2, "target_modules": "all-linear"}, "freeze_vision": True},
        {"dtype": "bfloat16", "lora": LORA},
    ],
    ids=str,
)
def test_weights_are_those_of_the_model_that_is_loaded(tiny_folder: Path, options: dict[str, Any], head: bool):
    backbone = Backbone(str(tiny_folder), **options)
    model = backbone.load_model(head)
    found, trained = weights(backbone, head), [p for p in model.parameters() if p.requires_grad]
    assert found.total == sum(p.numel() for p in model.parameters())
    assert found.trainable == sum(p.numel() for p in trained)
    assert found.bytes == sum(p.nbytes for p in model.parameters())
    assert found.trained_bytes == sum(p.nbytes for p in trained)
    assert 0 < found.unit < found.bytes


def test_a_cache_is_as_large_as_the_one_that_a_model_fills(folder_backbone: Backbone):
    model, problem = folder_backbone.load_model(), Problem(id="p", question="What is 3 + 4?")
    with inference(model):
        encoded = encode_prompts(model, folder_backbone.encoder.prompts([problem, problem]))
    cache: DynamicCache = encoded.cache
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)  # type: ignore[union-attr]
    tokens = encoded.batch["input_ids"].numel()
    assert held == tokens * cache_bytes(folder_backbone, 4)


MODEL = Weights(total=1000, trainable=600, bytes=4000, trained_bytes=2400, unit=800)


def test_a_step_of_adamw_by_hand():
    assert training(MODEL, 100, 2, 1, accumulates=False) == Memory(4000, 2400, 4800, 2400)  # while it steps
    assert training(MODEL, 9000, 2, 1, accumulates=False) == Memory(4000, 0, 4800, 9000)  # when the loss is there
    assert training(MODEL, 9000, 2, 1, accumulates=True) == Memory(4000, 2400, 4800, 9000)
    assert training(MODEL, 100, 0, 1, accumulates=False) == Memory(4000, 2400, 0, 0)  # SGD
    assert training(MODEL, 9000, 2, 1, accumulates=True).total == 4000 + 2400 + 4800 + 9000


def test_sharded_over_four_all_but_the_gathered_unit_is_a_quarter():
    found = training(MODEL, 100, 2, 4, accumulates=True)
    assert found == Memory(1000 + 2 * 800, 600, 1200, 600)


def test_sampling_and_scoring_by_hand(folder_backbone: Backbone):
    text = folder_backbone.config.get_text_config()
    per_token = cache_bytes(folder_backbone, 4)
    assert per_token == 2 * text.num_hidden_layers * text.num_key_value_heads * text.head_dim * 4
    drawn = decoding(folder_backbone, rows=3, tokens=10, size=4)
    assert (
        drawn.total
        == drawn.cache
        == 3 * 10 * per_token * (1 + 1 / (2 * text.num_hidden_layers)) + 3 * text.vocab_size * 32
    )
    kept = Activations(fixed=0, token=9, layer_token=4, image_token=0, logit=0, logits=0, width=1)
    scored = scoring(folder_backbone, MODEL, kept, rows=3, prompt=10, response=5, size=4)
    assert scored == Memory(weights=4000, activations=3 * 5 * 2, cache=3 * 15 * per_token)


@pytest.mark.parametrize(
    ("dtype", "precision", "size"),
    [("float32", "32-true", 4), ("float32", "bf16-mixed", 2), ("bfloat16", "32-true", 2), ("auto", "32-true", 4)],
)
def test_numbers_are_as_wide_as_they_are_computed_with(tiny_folder: Path, dtype: Any, precision: str, size: int):
    assert element_size(Backbone(str(tiny_folder), dtype=dtype), precision) == size


def test_an_adapter_that_is_there_is_what_is_trained(tiny_folder: Path, tmp_path: Path):
    fresh = Backbone(str(tiny_folder), lora=LORA)
    fresh.save(fresh.load_model(), tmp_path)
    assert weights(Backbone(str(tmp_path)), head=True) == weights(fresh, head=True)
    assert weights(Backbone(str(tmp_path), adapter="merge"), head=True) == weights(
        Backbone(str(tiny_folder)), head=True
    )


def test_four_bits_are_little_more_than_half_a_byte(tiny_folder: Path):
    pytest.importorskip("bitsandbytes")
    whole = weights(Backbone(str(tiny_folder), lora=LORA), head=True)
    small = weights(Backbone(str(tiny_folder), lora=LORA, quantization={"load_in_4bit": True}), head=True)
    model = Backbone(str(tiny_folder)).load_model()
    middle = weights(Backbone(str(tiny_folder), lora=LORA, quantization={"load_in_8bit": True}), head=True)
    linear = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    assert small.total == whole.total
    assert whole.bytes - middle.bytes == pytest.approx(linear * 3, rel=0.02)
    assert whole.bytes - small.bytes == pytest.approx(linear * (4 - 0.56), rel=0.02)
