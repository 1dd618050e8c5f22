"""What the tiny models share: sizes of their text models and towers, and the frame of a chat template."""

from __future__ import annotations

from typing import Any

TEXT: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
TOWER: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}
SIGLIP = TOWER | {"model_type": "siglip_vision_model", "vision_use_head": False}
MERGING_TOWER: dict[str, Any] = {  # of Qwen and GLM, which name the same sizes differently
    "depth": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_heads": 2,
    "patch_size": 8,
    "out_hidden_size": 64,
}
CHATML = "'<|im_start|>' + message.role + '\n'"  # how a turn begins in it
_FRAME = """\
BEGIN
{%- for message in messages -%}
{{ TURN }}
{%- if message.content is string -%}{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}{{ 'IMAGE' }}
{%- elif part.type == 'text' -%}{{ SAID }}{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{ 'END' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'ANSWER' }}AFTER{%- endif -%}"""


def chat_template(
    turn: str, image: str, end: str, answer: str, begin: str = "", said: str = "part.text", after: str = ""
) -> str:
    """A template of the usual frame.

    Args:
        turn: Jinja expression of what begins a turn.
        image: What stands for an image.
        end: What ends a turn.
        answer: What asks for an answer.
        begin: Jinja before all turns.
        said: Jinja expression of a part's text.
        after: Jinja after `answer`.
    """
    words = {"BEGIN": begin, "TURN": turn, "IMAGE": image, "SAID": said, "END": end, "ANSWER": answer, "AFTER": after}
    template = _FRAME
    for word, meaning in words.items():
        template = template.replace(word, meaning)
    return template
