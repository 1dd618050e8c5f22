"""PaliGemma: a prefix that sees itself whole, no chat template, an image in every prompt."""

from __future__ import annotations

from typing import Any

from models.zoo.parts import SIGLIP, TEXT
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import sentencepiece


def paligemma() -> tuple[Any, Any]:
    from transformers import PaliGemmaConfig, PaliGemmaForConditionalGeneration, PaliGemmaProcessor
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    tokenizer = sentencepiece(["<pad>", "<image>"], end="<eos>", pad="<pad>", bos="<bos>", image_token="<image>")
    images = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    images.image_seq_length = 16
    processor = PaliGemmaProcessor(images, tokenizer)
    config = PaliGemmaConfig(
        vision_config=SIGLIP,
        text_config=TEXT
        | {
            "model_type": "gemma",
            "num_key_value_heads": 1,
            "head_dim": 16,
            "vocab_size": len(tokenizer),
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=64,
        hidden_size=64,
    )
    return PaliGemmaForConditionalGeneration(config), processor


_TEMPLATE = (
    "{% for message in messages %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endfor %}"
)
MODELS = (Tiny("PaliGemma", paligemma, "<eos>", ("<eos>",), torchvision=False, needs_image=True, template=_TEMPLATE),)
