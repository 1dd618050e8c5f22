"""MiniCPM-V 4.6: linear attention, and a merger inside the tower."""

from __future__ import annotations

from typing import Any

from models.zoo.parts import CHATML, TEXT, TOWER, chat_template
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import byte_level

_NAMED = {
    "image_token": "<|image_pad|>",
    "video_token": "<|video_pad|>",
    "image_start_token": "<image>",
    "image_end_token": "</image>",
    "slice_start_token": "<slice>",
    "slice_end_token": "</slice>",
    "image_id_start_token": "<image_id>",
    "image_id_end_token": "</image_id>",
}
_TEMPLATE = chat_template(CHATML, "<|image_pad|>\n", end="<|im_end|>\n", answer="<|im_start|>assistant\n")


def minicpm_v() -> tuple[Any, Any]:
    from transformers import (
        MiniCPMV4_6Config,
        MiniCPMV4_6ForConditionalGeneration,
        MiniCPMV4_6ImageProcessor,
        MiniCPMV4_6Processor,
        MiniCPMV4_6VideoProcessor,
    )

    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *_NAMED.values())
    tokenizer = byte_level(special, end="<|im_end|>", pad="<|endoftext|>", **_NAMED)
    sizes = {"patch_size": 8, "scale_resolution": 64, "slice_mode": False}
    processor = MiniCPMV4_6Processor(
        MiniCPMV4_6ImageProcessor(**sizes),
        MiniCPMV4_6VideoProcessor(**sizes),
        tokenizer,
        chat_template=_TEMPLATE,
    )
    config = MiniCPMV4_6Config(
        text_config=TEXT
        | {
            "model_type": "qwen3_5_text",
            "num_hidden_layers": 4,
            "head_dim": 16,
            "linear_key_head_dim": 16,
            "linear_value_head_dim": 16,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "vocab_size": len(tokenizer),
        },
        vision_config=TOWER | {"image_size": 64, "insert_layer_id": 0},
        insert_layer_id=0,
        image_size=64,
        image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
    )
    return MiniCPMV4_6ForConditionalGeneration(config), processor


MODELS = (Tiny("MiniCPM-V 4.6", minicpm_v, "<|im_end|>", ("<|im_end|>", "<|endoftext|>")),)
