"""A policy as a plain Hugging Face folder: whole, or as a PEFT adapter on its base."""

from __future__ import annotations

from pathlib import Path

from transformers import GenerationConfig

from lit_mstar.models.backbone import Backbone
from lit_mstar.sharing.asked import asked_code


def write_policy(folder: Path, out: Path, merge: bool = False) -> dict[str, str | None]:
    """Writes a policy so that transformers, vLLM or PEFT load it by its path alone.

    `generation_config.json` says all tokens at which the model was taught to stop: other programs ask nobody else.

    Args:
        folder: What a stage has saved.
        out: The folder to be filled.
        merge: Add an adapter to its base's weights, in the base's dtype.

    Returns:
        `base`, which is needed beside an adapter (None where the folder is whole), and code for the card, as of
        `asked_code`.
    """
    backbone = Backbone(str(folder), dtype="auto", adapter="merge" if merge else "continue")
    adapter = backbone.origin.adapter is not None and not merge
    backbone.save(backbone.load_model().eval(), out)  # type: ignore[no-untyped-call]
    settings = backbone.origin.generation_config() or GenerationConfig()  # type: ignore[no-untyped-call]
    settings.eos_token_id = backbone.encoder.end_ids
    settings.pad_token_id = backbone.encoder.pad_id
    settings.save_pretrained(out)
    return {"base": backbone.origin.base if adapter else None, **asked_code(backbone)}
