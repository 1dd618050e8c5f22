"""Aya Vision: tiles between tokens of their own, a Cohere text model."""

from __future__ import annotations

from typing import Any

from models.zoo.parts import SIGLIP, TEXT
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import byte_level

_TEMPLATE = """\
{{ bos_token }}
{%- for message in messages -%}
{{ '<|START_OF_TURN_TOKEN|>' }}
{%- if message.role == 'assistant' -%}{{ '<|CHATBOT_TOKEN|><|START_RESPONSE|>' }}
{%- elif message.role == 'system' -%}{{ '<|SYSTEM_TOKEN|>' }}
{%- else -%}{{ '<|USER_TOKEN|>' }}{%- endif -%}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}{{ '<image>' }}
{%- elif part.type == 'text' -%}{{ part.text }}{%- endif -%}
{%- endfor -%}
{%- if message.role == 'assistant' -%}{{ '<|END_RESPONSE|>' }}{%- endif -%}
{{ '<|END_OF_TURN_TOKEN|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_RESPONSE|>' }}{%- endif -%}"""


def aya_vision() -> tuple[Any, Any]:
    from transformers import AyaVisionConfig, AyaVisionForConditionalGeneration, AyaVisionProcessor
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    turns = (
        "<|START_OF_TURN_TOKEN|>",
        "<|END_OF_TURN_TOKEN|>",
        "<|CHATBOT_TOKEN|>",
        "<|USER_TOKEN|>",
        "<|SYSTEM_TOKEN|>",
    )
    said = ("<|START_RESPONSE|>", "<|END_RESPONSE|>")
    images = (
        "<image>",
        "<|START_OF_IMG|>",
        "<|END_OF_IMG|>",
        "<|IMG_PATCH|>",
        "<|IMG_LINE_BREAK|>",
        "TILE_1",
        "TILE_GLOBAL",
    )
    tokenizer = byte_level(
        ("<BOS_TOKEN>", "<PAD>", *turns, *said, *images),
        end="<|END_OF_TURN_TOKEN|>",
        pad="<PAD>",
        bos="<BOS_TOKEN>",
        adds_bos=True,
    )
    processor = AyaVisionProcessor(
        GotOcr2ImageProcessorPil(size={"height": 32, "width": 32}, crop_to_patches=True, min_patches=1, max_patches=2),
        tokenizer,
        patch_size=8,
        img_size=32,
        downsample_factor=2,
        chat_template=_TEMPLATE,
    )
    config = AyaVisionConfig(
        vision_config=SIGLIP,
        text_config=TEXT
        | {
            "model_type": "cohere2",
            "sliding_window": 24,
            "layer_types": ["sliding_attention", "full_attention"],
            "vocab_size": len(tokenizer),
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<|IMG_PATCH|>"),
        downsample_factor=2,
    )
    return AyaVisionForConditionalGeneration(config), processor


MODELS = (
    Tiny(
        "Aya Vision", aya_vision, "<|END_RESPONSE|>", ("<|END_OF_TURN_TOKEN|>", "<|END_RESPONSE|>"), torchvision=False
    ),
)
