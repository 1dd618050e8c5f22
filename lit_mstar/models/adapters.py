"""LoRA: a fresh adapter, one that goes on from an earlier stage, or one that is merged and gone.

Adapters are put on by peft itself, which knows every release of transformers; transformers' own loading of adapters
does not know every release of peft.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peft import (
    LoraConfig,
    PeftConfig,
    PeftModel,
    get_peft_model,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from lit_mstar.models.origin import clear_errors
from lit_mstar.models.vision import freeze_vision_tower, tower_pattern

_WEIGHTS = "adapter_model.safetensors"


def lora_config(lora: Mapping[str, Any] | None) -> LoraConfig | None:
    """The arguments of `peft.LoraConfig`, checked.

    Raises:
        ValueError: If peft does not know one, or does not take its value.
    """
    if lora is None:
        return None
    try:
        return LoraConfig(**lora)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Backbone.lora: {error}; its keys are the arguments of peft.LoraConfig.") from error


def saved_config(folder: Path) -> LoraConfig:
    """The settings of a saved adapter, to train it on.

    Raises:
        ValueError: If it is an adapter of another kind.
    """
    with clear_errors(str(folder)):
        config = PeftConfig.from_pretrained(str(folder))
    if not isinstance(config, LoraConfig):
        raise ValueError(f"{folder} holds an adapter of kind {config.peft_type}; only LoRA adapters are trained here.")
    config.inference_mode = False
    return config


def add_adapter(model: PreTrainedModel, config: LoraConfig, spare_vision: bool, uniform: bool) -> PeftModel:
    """Puts a fresh adapter on a model.

    Args:
        model: The base; it stays as it is.
        config: Where and how large.
        spare_vision: Leave the vision tower out; a connector inside it counts as outside.
        uniform: Keep adapters in the base's dtype, as units that are sharded must be; otherwise they are float32.

    Raises:
        ValueError: If the config names no module of the model.
    """
    if spare_vision:
        patterns = [tower_pattern(model), *_patterns(config.exclude_modules)]
        config.exclude_modules = "|".join(f"(?:{pattern})" for pattern in patterns)
    try:
        return get_peft_model(model, config, autocast_adapter_dtype=not uniform)  # type: ignore[return-value]
    except ValueError as error:
        names = sorted({name.rpartition(".")[2] for name, m in model.named_modules() if isinstance(m, nn.Linear)})
        raise ValueError(
            f"Backbone.lora: {error} Linear layers of {type(model).__name__} are named {', '.join(names[:20])}."
        ) from error


def continue_adapter(
    model: PreTrainedModel, folder: Path, asked: Mapping[str, Any] | None, spare_vision: bool, uniform: bool
) -> PeftModel:
    """Puts a saved adapter on its base, to train it on.

    Args:
        model: The base, with or without its head.
        folder: What an earlier stage saved.
        asked: What the stage's own config says of LoRA; None says nothing.
        spare_vision: Keep the adapter's part in the vision tower, if it has one, as it is.
        uniform: As in `add_adapter`.

    Raises:
        ValueError: If the adapter is of another kind than asked for, or on another base.
    """
    config = saved_config(folder)
    with clear_errors(str(folder)):
        state = load_file(folder / _WEIGHTS)
    _require_same(folder, config, asked or {}, state)
    adapted = get_peft_model(model, config, autocast_adapter_dtype=not uniform)
    set_peft_model_state_dict(adapted, _fitting(state, adapted, folder))
    if spare_vision:
        freeze_vision_tower(adapted)
    return adapted  # type: ignore[return-value, no-any-return]


def merge_adapter(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """Adds a saved adapter to the weights of its base, which it is no longer needed beside."""
    merged: Any = continue_adapter(model, folder, None, spare_vision=False, uniform=False)
    base: PreTrainedModel = merged.merge_and_unload()
    return base.requires_grad_(True)  # type: ignore[return-value]


def _require_same(folder: Path, config: LoraConfig, asked: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Refuses to go on with an adapter under a config that asks for another."""
    saved = {name: _plain(getattr(config, name, None)) for name in asked}
    wanted = {name: _plain(value) for name, value in asked.items()}
    differing = [n for n in asked if n not in ("target_modules", "exclude_modules") and saved[n] != wanted[n]]
    targets = asked.get("target_modules")
    if targets and not isinstance(targets, str):  # peft writes down what a pattern has found, or fewer names for many
        modules = {f".{name.partition('.lora_')[0]}" for name in state if ".lora_" in name}
        unknown = [m for m in modules if not any(m.endswith(f".{target}") for target in targets)]
        missing = [target for target in targets if not any(m.endswith(f".{target}") for m in modules)]
        differing += ["target_modules"] if unknown or missing else []
    for name in differing[:1]:
        raise ValueError(
            f"{folder} holds an adapter with {name}={saved[name]!r}, Backbone.lora says {wanted[name]!r}. Leave lora "
            "out to go on with the adapter, or set adapter: merge to add it to the weights and begin another."
        )


def _fitting(state: dict[str, Tensor], model: Any, folder: Path) -> dict[str, Tensor]:
    """The weights by the names that they have in this model, which may lack the head that the saved one had.

    Raises:
        ValueError: If they are another model's.
    """
    ours = {name: value.shape for name, value in get_peft_model_state_dict(model).items()}
    head = f"{model.get_base_model().base_model_prefix}."
    root = "base_model.model."
    found = {}
    for name, value in state.items():
        inner = name.removeprefix(root)
        spellings = (name, root + inner.removeprefix(head), root + head + inner)
        found[next((spelled for spelled in spellings if spelled in ours), name)] = value
    wrong = [name for name, value in found.items() if ours.get(name) != value.shape] + sorted(
        ours.keys() - found.keys()
    )
    if wrong:
        base = model.peft_config[model.active_adapter].base_model_name_or_path
        raise ValueError(
            f"{folder} is an adapter for another base than {base}: {len(wrong)} of its tensors do not fit, "
            f"{wrong[0]} for one. Correct base_model_name_or_path in its adapter_config.json."
        )
    return found


def _patterns(excluded: Any) -> list[str]:
    """Peft's `exclude_modules`, a pattern or ends of names, as patterns."""
    if not excluded:
        return []
    return [excluded] if isinstance(excluded, str) else [rf"(?:.*\.)?{re.escape(name)}" for name in excluded]


def _plain(value: Any) -> Any:
    """A setting that compares whatever kind of list it is written as, with enumerations by their values."""
    value = getattr(value, "value", value)
    return sorted(map(str, value)) if isinstance(value, set | list | tuple) else value
