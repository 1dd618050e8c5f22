"""Bases with fewer bits a weight, by bitsandbytes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from transformers import BitsAndBytesConfig


def quantization_config(options: Mapping[str, Any] | None) -> BitsAndBytesConfig | None:
    """The arguments of `transformers.BitsAndBytesConfig`, checked before anything is loaded.

    Raises:
        ValueError: If one is unknown, none says how many bits, or bitsandbytes is not installed.
    """
    if options is None:
        return None
    if not options.get("load_in_4bit") and not options.get("load_in_8bit"):
        raise ValueError(f"Backbone.quantization is {dict(options)}; it must say load_in_4bit or load_in_8bit: true.")
    if find_spec("bitsandbytes") is None:
        raise ValueError("Backbone.quantization needs bitsandbytes: pip install 'lit-mstar[quantization]'.")
    config = BitsAndBytesConfig(**options)  # type: ignore[no-untyped-call]
    if unknown := options.keys() - config.to_dict().keys():
        raise ValueError(
            f"Backbone.quantization has {', '.join(sorted(unknown))}; its keys are those of BitsAndBytesConfig."
        )
    return config
