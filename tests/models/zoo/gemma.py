"""Gemma 3 and 4: BOS from the template, several ends, image tokens that see each other, a sliding window."""

from __future__ import annotations

from typing import Any

from models.zoo.parts import SIGLIP, TEXT, TOWER, chat_template
from models.zoo.tiny import Tiny
from models.zoo.tokenizers import sentencepiece

_ROLE = "('model' if message.role == 'assistant' else message.role) + '\n'"
_BEGIN = "{{ bos_token }}"
_TEMPLATE = chat_template(
    f"'<start_of_turn>' + {_ROLE}",
    "<start_of_image>",
    end="<end_of_turn>\n",
    answer="<start_of_turn>model\n",
    begin=_BEGIN,
    said="part.text | trim",
)


def gemma3() -> tuple[Any, Any]:
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3Processor
    from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

    special = ("<pad>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>")
    tokenizer = sentencepiece(
        special,
        end="<eos>",
        pad="<pad>",
        bos="<bos>",
        image_token="<image_soft_token>",
        boi_token="<start_of_image>",
        eoi_token="<end_of_image>",
    )
    processor = Gemma3Processor(
        Gemma3ImageProcessorPil(size={"height": 32, "width": 32}),
        tokenizer,
        chat_template=_TEMPLATE,
        image_seq_length=4,
    )
    config = Gemma3Config(
        text_config=TEXT
        | {
            "num_hidden_layers": 3,
            "head_dim": 16,
            "sliding_window": 24,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "vocab_size": len(tokenizer),
            "query_pre_attn_scalar": 16,
        },
        vision_config=SIGLIP,
        mm_tokens_per_image=4,
        boi_token_index=tokenizer.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=tokenizer.convert_tokens_to_ids("<end_of_image>"),
        image_token_index=tokenizer.convert_tokens_to_ids("<image_soft_token>"),
    )
    return Gemma3ForConditionalGeneration(config), processor


_TOWER_4 = {name: value for name, value in TOWER.items() if name != "image_size"}
_TEMPLATE_4 = chat_template(
    f"'<|turn>' + {_ROLE}",
    "\n\n<|image|>\n\n",
    end="<turn|>\n",
    answer="<|turn>model\n",
    begin=_BEGIN,
    said="part.text | trim",
)


def _processor_4() -> Any:
    from transformers import Gemma4AudioFeatureExtractor, Gemma4ImageProcessor, Gemma4Processor, Gemma4VideoProcessor

    named = {
        "image_token": "<|image|>",
        "boi_token": "<|image>",
        "eoi_token": "<image|>",
        "audio_token": "<|audio|>",
        "boa_token": "<|audio>",
        "eoa_token": "<audio|>",
    }
    special = ("<pad>", "<|turn>", "<turn|>", "<|tool_response>", "<|video|>", *named.values())
    sizes = {"patch_size": 8, "max_soft_tokens": 70, "pooling_kernel_size": 2}
    return Gemma4Processor(
        Gemma4AudioFeatureExtractor(),
        Gemma4ImageProcessor(**sizes),
        sentencepiece(special, end="<eos>", pad="<pad>", bos="<bos>", **named),
        Gemma4VideoProcessor(**sizes),
        chat_template=_TEMPLATE_4,
        image_seq_length=70,
    )


def gemma4() -> tuple[Any, Any]:
    from transformers import Gemma4Config, Gemma4ForConditionalGeneration

    processor = _processor_4()
    vocabulary, ids = len(processor.tokenizer), processor.tokenizer.convert_tokens_to_ids
    config = Gemma4Config(
        text_config=TEXT
        | {
            "num_hidden_layers": 4,
            "head_dim": 16,
            "global_head_dim": 16,
            "sliding_window": 24,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
            "num_kv_shared_layers": 2,
            "vocab_size": vocabulary,
            "vocab_size_per_layer_input": vocabulary,
            "hidden_size_per_layer_input": 8,
            "pad_token_id": ids("<pad>"),
            "eos_token_id": ids("<eos>"),
            "bos_token_id": ids("<bos>"),
        },
        vision_config=_TOWER_4
        | {
            "num_key_value_heads": 2,
            "head_dim": 16,
            "pooling_kernel_size": 2,
            "position_embedding_size": 64,
            "use_clipped_linears": True,
        },
        audio_config=None,
        boi_token_id=ids("<|image>"),
        eoi_token_id=ids("<image|>"),
        image_token_id=ids("<|image|>"),
        video_token_id=ids("<|video|>"),
        audio_token_id=ids("<|audio|>"),
    )
    return Gemma4ForConditionalGeneration(config), processor


MODELS = (
    Tiny("Gemma 4", gemma4, "<turn|>", ("<eos>", "<turn|>", "<|tool_response>")),
    Tiny("Gemma 3", gemma3, "<end_of_turn>", ("<eos>", "<end_of_turn>"), torchvision=False),
)
