"""Mllama (Llama 3.2 Vision): cross-attention to the images, and a mask of four dimensions that says which."""

from __future__ import annotations

from typing import Any

from models.zoo.parts import TEXT, chat_template
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import byte_level

_HEAD = "<|start_header_id|>{}<|end_header_id|>\n\n"
_TEMPLATE = chat_template(
    "'" + _HEAD.format("' + message.role + '") + "'",
    "<|image|>",
    end="<|eot_id|>",
    answer=_HEAD.format("assistant"),
    begin="{{ bos_token }}",
)


def mllama() -> tuple[Any, Any]:
    from transformers import MllamaConfig, MllamaForConditionalGeneration, MllamaProcessor
    from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil

    special = (
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|finetune_right_pad_id|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eom_id|>",
        "<|eot_id|>",
        "<|python_tag|>",
        "<|image|>",
    )
    tokenizer = byte_level(
        special, end="<|eot_id|>", pad="<|finetune_right_pad_id|>", bos="<|begin_of_text|>", adds_bos=True
    )
    size = {"height": 32, "width": 32}
    processor = MllamaProcessor(
        MllamaImageProcessorPil(size=size, max_image_tiles=2), tokenizer, chat_template=_TEMPLATE
    )
    config = MllamaConfig(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_global_layers": 1,
            "attention_heads": 2,
            "vision_output_dim": 64,
            "image_size": 32,
            "patch_size": 8,
            "max_num_tiles": 2,
            "intermediate_layers_indices": [0],
            "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
        },
        text_config=TEXT
        | {
            "num_hidden_layers": 3,
            "cross_attention_layers": [1],
            "vocab_size": len(tokenizer) - 1,  # the image's token has an embedding, but no logit
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<|image|>"),
    )
    return MllamaForConditionalGeneration(config), processor


MODELS = (
    Tiny(
        "Mllama", mllama, "<|eot_id|>", ("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"), torchvision=False, mixes=False
    ),
)
