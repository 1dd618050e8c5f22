"""Qwen2-VL to Qwen3.5: M-RoPE, a connector inside the tower, in the last one linear attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.zoo.parts import CHATML, MERGING_TOWER, TEXT, chat_template
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import byte_level

_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


def _template(after: str) -> str:
    image = "<|vision_start|><|image_pad|><|vision_end|>"
    return chat_template(CHATML, image, end="<|im_end|>\n", answer="<|im_start|>assistant\n", after=after)


_TEXT = TEXT | {"head_dim": 16, "tie_word_embeddings": False}
_ROPE = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}


def _parts(after: str = "", corpus: Sequence[str] = ()) -> tuple[Any, dict[str, int]]:
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    tokenizer = byte_level(
        _SPECIAL,
        end="<|im_end|>",
        pad="<|endoftext|>",
        plain=("<tool_call>", "</tool_call>", "<think>", "</think>"),
        corpus=corpus,
        image_token="<|image_pad|>",
        video_token="<|video_pad|>",
        vision_start_token="<|vision_start|>",
        vision_end_token="<|vision_end|>",
    )
    sizes = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2}
    pixels = {"size": {"shortest_edge": 256, "longest_edge": 2048}}
    processor = Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(**sizes, **pixels),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(**sizes),
        chat_template=_template(after),
    )
    ids = {
        "image_token_id": tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        "video_token_id": tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        "vision_start_token_id": tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": tokenizer.convert_tokens_to_ids("<|vision_end|>"),
    }
    return processor, ids


def qwen3_vl(corpus: Sequence[str] = ()) -> tuple[Any, Any]:
    """With phrases of a corpus as tokens, where one is to learn something."""
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    processor, ids = _parts(corpus=corpus)
    config = Qwen3VLConfig(
        text_config=_TEXT | {"num_hidden_layers": 3, "vocab_size": len(processor.tokenizer), "rope_parameters": _ROPE},
        vision_config=MERGING_TOWER
        | {
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
        },
        **ids,
    )
    return Qwen3VLForConditionalGeneration(config), processor


def qwen2_5_vl() -> tuple[Any, Any]:
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLVideoProcessor,
    )

    base, ids = _parts()
    sizes = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2}
    processor = Qwen2_5_VLProcessor(
        base.image_processor, base.tokenizer, Qwen2VLVideoProcessor(**sizes), chat_template=base.chat_template
    )
    config = Qwen2_5_VLConfig(
        text_config=_TEXT | {"num_hidden_layers": 3, "vocab_size": len(base.tokenizer), "rope_parameters": _ROPE},
        vision_config=MERGING_TOWER
        | {
            "window_size": 32,
            "fullatt_block_indexes": [1],
        },
        **ids,
    )
    return Qwen2_5_VLForConditionalGeneration(config), processor


def qwen3_5() -> tuple[Any, Any]:
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

    processor, ids = _parts(after="{%- if enable_thinking | default(true) -%}{{ '<think>\n' }}{%- endif -%}")
    config = Qwen3_5Config(
        text_config=_TEXT
        | {
            "num_hidden_layers": 4,  # three with linear attention, one with full
            "vocab_size": len(processor.tokenizer),
            "linear_key_head_dim": 16,
            "linear_value_head_dim": 16,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "rope_parameters": _ROPE | {"partial_rotary_factor": 1.0, "mrope_interleaved": True},
        },
        vision_config=MERGING_TOWER
        | {
            "num_position_embeddings": 64,
        },
        **ids,
    )
    return Qwen3_5ForConditionalGeneration(config), processor


def qwen2_vl() -> tuple[Any, Any]:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor, Qwen2VLVideoProcessor

    base, ids = _parts()
    sizes = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2}
    processor = Qwen2VLProcessor(
        base.image_processor, base.tokenizer, Qwen2VLVideoProcessor(**sizes), chat_template=base.chat_template
    )
    text = {name: value for name, value in _TEXT.items() if name != "head_dim"}
    config = Qwen2VLConfig(
        text_config=text | {"vocab_size": len(base.tokenizer), "rope_parameters": _ROPE},
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 64, "mlp_ratio": 2, "num_heads": 2, "patch_size": 8},
        **ids,
    )
    return Qwen2VLForConditionalGeneration(config), processor


def qwen3_vl_moe() -> tuple[Any, Any]:
    from transformers import Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration

    processor, ids = _parts()
    config = Qwen3VLMoeConfig(
        text_config=_TEXT
        | {
            "vocab_size": len(processor.tokenizer),
            "rope_parameters": _ROPE,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 32,
        },
        vision_config=MERGING_TOWER
        | {
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
        },
        **ids,
    )
    return Qwen3VLMoeForConditionalGeneration(config), processor


_ENDS = ("<|im_end|>", "<|endoftext|>")
MODELS = (
    Tiny("Qwen2-VL", qwen2_vl, "<|im_end|>", _ENDS),
    Tiny("Qwen2.5-VL", qwen2_5_vl, "<|im_end|>", _ENDS),
    Tiny("Qwen3-VL", qwen3_vl, "<|im_end|>", _ENDS),
    Tiny("Qwen3-VL-MoE", qwen3_vl_moe, "<|im_end|>", _ENDS),
    Tiny("Qwen3.5", qwen3_5, "<|im_end|>", _ENDS),
)
