"""InternVL in the form that transformers has."""

from __future__ import annotations

from typing import Any

from models.zoo.parts import CHATML, TEXT, TOWER, chat_template
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import byte_level

_TEMPLATE = chat_template(CHATML, "<IMG_CONTEXT>\n", end="<|im_end|>\n", answer="<|im_start|>assistant\n")


def internvl() -> tuple[Any, Any]:
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<video>")
    tokenizer = byte_level(
        special,
        end="<|im_end|>",
        pad="<|endoftext|>",
        start_image_token="<img>",
        end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>",
        video_token="<video>",
    )
    size = {"height": 32, "width": 32}
    processor = InternVLProcessor(
        GotOcr2ImageProcessor(size=size, crop_to_patches=True, min_patches=1, max_patches=2),
        tokenizer,
        InternVLVideoProcessor(size=size),
        image_seq_length=4,
        chat_template=_TEMPLATE,
    )
    config = InternVLConfig(
        vision_config=TOWER | {"image_size": [32, 32], "patch_size": [8, 8]},
        text_config=TEXT | {"model_type": "qwen2", "vocab_size": len(tokenizer)},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    return InternVLForConditionalGeneration(config), processor


MODELS = (Tiny("InternVL", internvl, "<|im_end|>", ("<|im_end|>",)),)
