"""Idefics3, which the first SmolVLM is, with and without a BOS that both template and tokenizer write."""

from __future__ import annotations

from typing import Any

from models.zoo.parts import TEXT, TOWER, chat_template
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import byte_level

_TEMPLATE = chat_template(
    "(message.role | capitalize) + (':' if message.content[0].type == 'image' else ': ')",
    "<image>",
    end="<end_of_utterance>\n",
    answer="Assistant:",
    begin="{{ bos_token or '<|im_start|>' }}",
)
_IMAGES = ("<fake_token_around_image>", "<global-img>", "<row_1_col_1>", "<row_1_col_2>", "<image>")


def _idefics3(tokenizer: Any) -> tuple[Any, Any]:
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    size = {"longest_edge": 32}
    processor = Idefics3Processor(
        Idefics3ImageProcessorPil(size=size, max_image_size=size, do_image_splitting=False),
        tokenizer,
        image_seq_len=4,
        chat_template=_TEMPLATE,
    )
    config = Idefics3Config(
        text_config=TEXT
        | {
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config=TOWER,
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
    )
    return Idefics3ForConditionalGeneration(config), processor


def smolvlm() -> tuple[Any, Any]:
    special = ("<|im_start|>", "<|im_end|>", "<end_of_utterance>", *_IMAGES)
    return _idefics3(byte_level(special, end="<end_of_utterance>", pad="<|im_end|>"))


def idefics3_llama() -> tuple[Any, Any]:
    special = ("<|begin_of_text|>", "<|end_of_text|>", "<|pad|>", "<end_of_utterance>", *_IMAGES)
    bos = {"bos": "<|begin_of_text|>", "adds_bos": True}
    return _idefics3(byte_level(special, end="<|end_of_text|>", pad="<|pad|>", **bos))


MODELS = (
    Tiny("Idefics3, SmolVLM", smolvlm, "<end_of_utterance>", ("<end_of_utterance>",), torchvision=False),
    Tiny(
        "Idefics3-8B-Llama3",
        idefics3_llama,
        "<end_of_utterance>",
        ("<|end_of_text|>", "<end_of_utterance>"),
        torchvision=False,
    ),
)
