"""GLM-4.1V: a turn ends where the next begins, M-RoPE, thinking as plain tokens."""

from __future__ import annotations

from typing import Any

from models.zoo.parts import MERGING_TOWER, TEXT, chat_template
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import byte_level

_SPECIAL = (
    "<|endoftext|>",
    "[gMASK]",
    "<sop>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
    "<|begin_of_image|>",
    "<|end_of_image|>",
    "<|begin_of_video|>",
    "<|end_of_video|>",
    "<|image|>",
    "<|video|>",
)
_TEMPLATE = chat_template(
    "'<|' + message.role + '|>\n'",
    "<|begin_of_image|><|image|><|end_of_image|>",
    end="",
    answer="<|assistant|>\n",
    begin="[gMASK]<sop>",
)


def glm4v() -> tuple[Any, Any]:
    from transformers import (
        Glm4vConfig,
        Glm4vForConditionalGeneration,
        Glm4vImageProcessor,
        Glm4vProcessor,
        Glm4vVideoProcessor,
    )

    plain = ("<think>", "</think>", "<answer>", "</answer>")
    tokenizer = byte_level(_SPECIAL, end="<|endoftext|>", pad="<|endoftext|>", plain=plain, image_token="<|image|>")
    sizes = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2}
    pixels = {"size": {"shortest_edge": 512, "longest_edge": 4096}}
    processor = Glm4vProcessor(
        Glm4vImageProcessor(**sizes, **pixels), tokenizer, Glm4vVideoProcessor(**sizes), chat_template=_TEMPLATE
    )
    ids = tokenizer.convert_tokens_to_ids
    config = Glm4vConfig(
        text_config=TEXT
        | {
            "vocab_size": len(tokenizer),
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0},
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config=MERGING_TOWER | {"image_size": 32},
        image_token_id=ids("<|image|>"),
        video_token_id=ids("<|video|>"),
        image_start_token_id=ids("<|begin_of_image|>"),
        image_end_token_id=ids("<|end_of_image|>"),
        video_start_token_id=ids("<|begin_of_video|>"),
        video_end_token_id=ids("<|end_of_video|>"),
    )
    return Glm4vForConditionalGeneration(config), processor


MODELS = (Tiny("GLM-4.1V", glm4v, "<|user|>", ("<|endoftext|>", "<|user|>", "<|observation|>")),)
