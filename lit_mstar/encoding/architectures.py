"""What architectures need beyond the generic path, as data: a row each, and most need none.

Positions, states and control tokens are found at run time, wherever a model or a processor says so itself. What is
left is here. To add an architecture: a row, if it needs one, and a tiny model in `tests/models/zoo/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Modules that hold a vision tower, by the last part of their names; the first that a model has counts.
TOWERS = (
    "vision_model",
    "vision_tower",
    "visual",
    "vision_encoder",
    "image_encoder",
    "img_processor",
    "image_embed",
    "vision_embed_tokens",
)

# Modules inside a tower that lead to the text model: they are a connector, and are trained where the tower is frozen.
CONNECTORS = ("merger", "deepstack_merger_list", "vit_merger", "merger_list", "img_projection")

# Attributes in which a model keeps the positions of its last prompts, one row each, beside the cache.
POSITIONS = ("rope_deltas",)


@dataclass(frozen=True)
class Architecture:
    """What one architecture needs.

    Args:
        fills: What a processor's tensors shaped like `input_ids` say of response tokens, by name; others say 0.
        chat_template: What to give as `chat_template` where checkpoints come without one.
        mixes: Rows with unequally many images can share a batch.
    """

    fills: Mapping[str, int] = field(default_factory=dict)
    chat_template: str | None = None
    mixes: bool = True


# A template for base models: the images, then the text.
_PLAIN = (
    "{% for message in messages %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endfor %}"
)

# By `config.model_type`.
ROWS: dict[str, Architecture] = {
    # The prefix is bidirectional; type 1 is a suffix that is predicted, so it must not see what follows.
    "paligemma": Architecture(fills={"token_type_ids": 1}, chat_template=_PLAIN),
    # Cross-attention takes images in all rows of a batch or in none; and where rows have fewer images than others, what
    # stands before the first one attends to the empty places.
    "mllama": Architecture(mixes=False),
}


def architecture(model_type: str | None) -> Architecture:
    """The row of a `config.model_type`; the generic one where it has none."""
    return ROWS.get(model_type or "", Architecture())
