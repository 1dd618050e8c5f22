"""LLaVA: 1.5 with sentencepiece, whose texts gain a space at their head; NeXT and OneVision with tiles."""

from __future__ import annotations

from typing import Any

from models.zoo.parts import SIGLIP, TEXT, TOWER
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import byte_level, sentencepiece

_TEMPLATE = """\
{%- for message in messages -%}
{%- if message.role != 'system' -%}{{ message.role.upper() + ': ' }}{%- endif -%}
{%- for part in message.content if part.type == 'image' -%}{{ '<image>\n' }}{%- endfor -%}
{%- for part in message.content if part.type == 'text' -%}{{ part.text + ' ' }}{%- endfor -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'ASSISTANT:' }}{%- endif -%}"""

_CLIP = TOWER | {"model_type": "clip_vision_model", "num_hidden_layers": 3}
_LLAMA = TEXT | {"model_type": "llama"}


def llava() -> tuple[Any, Any]:
    from transformers import LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = sentencepiece(["<image>", "<pad>"], end="</s>", pad="<pad>", bos="<s>", image_token="<image>")
    size = {"height": 32, "width": 32}
    processor = LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=size),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_TEMPLATE,
    )
    config = LlavaConfig(
        vision_config=_CLIP,
        text_config=_LLAMA | {"vocab_size": len(tokenizer)},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    return LlavaForConditionalGeneration(config), processor


def llava_next() -> tuple[Any, Any]:
    from transformers import LlavaNextConfig, LlavaNextForConditionalGeneration, LlavaNextProcessor
    from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

    tokenizer = sentencepiece(["<image>", "<pad>"], end="</s>", pad="<pad>", bos="<s>", image_token="<image>")
    grid = [[32, 64], [64, 32]]
    processor = LlavaNextProcessor(
        LlavaNextImageProcessorPil(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=grid
        ),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_TEMPLATE,
    )
    config = LlavaNextConfig(
        vision_config=_CLIP,
        text_config=_LLAMA | {"vocab_size": len(tokenizer)},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grid,
        image_seq_length=16,
    )
    return LlavaNextForConditionalGeneration(config), processor


_CHAT = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + ' ' }}
{%- for part in message.content if part.type == 'image' -%}{{ '<image>\n' }}{%- endfor -%}
{%- for part in message.content if part.type == 'text' -%}{{ '\n' + part.text }}{%- endfor -%}
{{ '<|im_end|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"""


def llava_onevision() -> tuple[Any, Any]:
    from transformers import (
        LlavaOnevisionConfig,
        LlavaOnevisionForConditionalGeneration,
        LlavaOnevisionImageProcessor,
        LlavaOnevisionProcessor,
        LlavaOnevisionVideoProcessor,
    )

    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>")
    tokenizer = byte_level(special, end="<|im_end|>", pad="<|endoftext|>", image_token="<image>", video_token="<video>")
    grid, size = [[32, 64], [64, 32], [64, 64]], {"height": 32, "width": 32}
    processor = LlavaOnevisionProcessor(
        LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=grid),
        tokenizer,
        LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        chat_template=_CHAT,
    )
    config = LlavaOnevisionConfig(
        vision_config=SIGLIP | {"num_hidden_layers": 3},
        text_config=TEXT | {"model_type": "qwen2", "vocab_size": len(tokenizer)},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=grid,
    )
    return LlavaOnevisionForConditionalGeneration(config), processor


MODELS = (
    Tiny("LLaVA-NeXT", llava_next, "</s>", ("</s>",), torchvision=False),
    Tiny("LLaVA-OneVision", llava_onevision, "<|im_end|>", ("<|im_end|>",)),
    Tiny("LLaVA-1.5", llava, "</s>", ("</s>",), torchvision=False),
)
