"""Mistral 3 with Pixtral's tower: padding on the left, BOS from template and tokenizer."""

from __future__ import annotations

from typing import Any

from models.zoo.parts import TEXT, TOWER
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import byte_level

_TEMPLATE = """\
{{ bos_token }}
{%- for message in messages -%}
{%- if message.role == 'system' -%}{{ '[SYSTEM_PROMPT]' + message.content[0].text + '[/SYSTEM_PROMPT]' }}
{%- elif message.role == 'user' -%}{{ '[INST]' }}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}{{ '[IMG]' }}
{%- elif part.type == 'text' -%}{{ part.text }}{%- endif -%}
{%- endfor -%}
{{ '[/INST]' }}
{%- else -%}{{ message.content[0].text + '</s>' }}{%- endif -%}
{%- endfor -%}"""


def mistral3() -> tuple[Any, Any]:
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration, PixtralProcessor
    from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil

    turns = ("[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]")
    special = ("<s>", "</s>", "<pad>", *turns, "[IMG]", "[IMG_BREAK]", "[IMG_END]")
    tokenizer = byte_level(
        special,
        end="</s>",
        pad="<pad>",
        bos="<s>",
        adds_bos=True,
        image_token="[IMG]",
        image_break_token="[IMG_BREAK]",
        image_end_token="[IMG_END]",
    )
    processor = PixtralProcessor(
        PixtralImageProcessorPil(size={"longest_edge": 32}, patch_size={"height": 8, "width": 8}),
        tokenizer,
        patch_size=8,
        spatial_merge_size=2,
        chat_template=_TEMPLATE,
    )
    config = Mistral3Config(
        vision_config=TOWER | {"model_type": "pixtral", "head_dim": 16},
        text_config=TEXT | {"model_type": "mistral", "head_dim": 16, "vocab_size": len(tokenizer)},
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        tie_word_embeddings=False,
    )
    return Mistral3ForConditionalGeneration(config), processor


MODELS = (Tiny("Mistral 3, Pixtral", mistral3, "</s>", ("</s>",), torchvision=False),)
