"""A vision-language model with its processor: load, LoRA, freeze, save.

Any `AutoModelForImageTextToText` with its `AutoProcessor` will do. What turns problems and responses into
tensors is `encoding.py`; a model small enough for a laptop, built from nothing, is `tiny.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import torch
from huggingface_hub import snapshot_download
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedModel,
    ProcessorMixin,
)

from lit_mstar.files import missing_input
from lit_mstar.models import weights
from lit_mstar.models.encoding import Encoder
from lit_mstar.models.loading import Checkpoint, Loader, on_meta
from lit_mstar.models.sharding import Shard, is_sharded, shard_units


class Backbone:
    """A pretrained vision-language model, described; nothing is loaded before it is asked for.

    Args:
        path: A Hugging Face folder, or the name of a model on the hub.
        prompt: What the user's turn says; `{question}` and `{choices}` are filled in.
        lora: Arguments of `peft.LoraConfig` (`r`, `lora_alpha`, `target_modules`, …); None trains all weights.
        freeze_vision: Keep the vision tower as it is.
        dtype: The dtype of the weights; "auto" takes the checkpoint's.
        attn_implementation: "eager", "sdpa", "flash_attention_2", …; None leaves the choice to transformers.
        gradient_checkpointing: Recompute activations in the backward pass to save memory.
        trust_remote_code: Run Python code that the model's folder brings along. Off: such models are refused.

    Raises:
        ValueError: If `prompt` lacks `{question}` or `lora` has keys that peft does not know.
    """

    def __init__(
        self,
        path: str,
        prompt: str = "{question}{choices}",
        lora: dict[str, Any] | None = None,
        freeze_vision: bool = False,
        dtype: Literal["float32", "bfloat16", "float16", "auto"] = "float32",
        attn_implementation: str | None = None,
        gradient_checkpointing: bool = False,
        trust_remote_code: bool = False,
    ) -> None:
        if "{question}" not in prompt:
            raise ValueError(f"Backbone.prompt is {prompt!r}; it must contain {{question}}.")
        self.path = path
        self.prompt = prompt
        self.lora = _lora_config(lora)
        self.freeze_vision = freeze_vision
        self.dtype = dtype
        self.attn_implementation = attn_implementation
        self.gradient_checkpointing = gradient_checkpointing
        self.trust_remote_code = trust_remote_code

    def check(self) -> None:
        """Raises ValueError where `path` is a local folder that is not there; cheap, for use before any work."""
        files = [Path(self.path) / name for name in ("config.json", "adapter_config.json")]
        if self.path.count("/") > 1 and not any(file.is_file() for file in files):
            raise ValueError(missing_input(self.path, "a model folder (no config.json in it)"))

    @cached_property
    def processor(self) -> ProcessorMixin:
        """The tokenizer, image processor and chat template."""
        self.check()
        auto: Any = AutoProcessor
        return cast(ProcessorMixin, auto.from_pretrained(self.path, trust_remote_code=self.trust_remote_code))

    @cached_property
    def encoder(self) -> Encoder:
        """Turns problems and responses into tensors for this model."""
        return Encoder(self.processor, self.prompt)

    def load_model(self, head: bool = True) -> PreTrainedModel | PeftModel:
        """Loads the model, with LoRA and freezing applied.

        Args:
            head: With the language-model head; without, the model ends in hidden states (B, T, D).
        """
        return self._prepared(self._pretrained(head))

    def load_sharded(self, shard: Shard, head: bool = True) -> nn.Module:
        """Loads the model unit by unit, so that no rank ever holds it whole; LoRA and freezing as in `load_model`.

        Args:
            shard: Makes a unit of a block of the model, and of the rest.
            head: As in `load_model`.
        """
        model, materialize = self._described(head)
        return shard_units(self._prepared(model), shard, materialize)

    def _prepared(self, model: PreTrainedModel) -> PreTrainedModel | PeftModel:
        model.train()
        if self.freeze_vision:
            freeze_vision_tower(model)
        if self.gradient_checkpointing:
            # transformers has renamed the method; the old name warns where the new one is known.
            enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
            enable({"use_reentrant": False})
            model.enable_input_require_grads()  # type: ignore[no-untyped-call]
        return get_peft_model(model, self.lora) if self.lora else model

    def architecture(self) -> str:
        """The name of the model class that `path` declares; read without loading any weights."""
        self.check()
        adapter = Path(self.path) / "adapter_config.json"
        path = json.loads(adapter.read_text())["base_model_name_or_path"] if adapter.is_file() else self.path
        config = AutoConfig.from_pretrained(path, trust_remote_code=self.trust_remote_code)
        return str((config.architectures or [config.model_type])[0])

    def save(self, model: nn.Module, folder: Path | None) -> None:
        """Writes a Hugging Face folder (a PEFT adapter where LoRA is on), with the processor.

        Without a folder it only takes part, as all ranks but one must where weights are sharded.
        """
        if is_sharded(model):
            (weights.write_adapter if self.lora else weights.write)(model, folder)
        elif folder:
            model.save_pretrained(folder)  # type: ignore[operator]
        if folder:
            self.processor.save_pretrained(folder)

    def _pretrained(self, head: bool) -> PreTrainedModel:
        self.check()
        auto = AutoModelForImageTextToText if head else AutoModel
        return auto.from_pretrained(
            self.path,
            dtype=self.dtype if self.dtype == "auto" else getattr(torch, self.dtype),
            attn_implementation=self.attn_implementation,
            trust_remote_code=self.trust_remote_code,
            use_safetensors=True,
        )

    def _described(self, head: bool) -> tuple[PreTrainedModel, Callable[[nn.Module], None]]:
        """A model without memory for its weights, and what reads those of a unit."""
        self.check()
        folder, adapter = _local(self.path), None
        if (folder / "adapter_config.json").is_file():
            base = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
            folder, adapter = _local(base), folder
        config = AutoConfig.from_pretrained(folder, trust_remote_code=self.trust_remote_code)
        model = on_meta(
            AutoModelForImageTextToText if head else AutoModel,
            config,
            dtype=config.dtype if self.dtype == "auto" else getattr(torch, self.dtype),
            attn_implementation=self.attn_implementation,
            trust_remote_code=self.trust_remote_code,
        )
        loader = Loader(model, Checkpoint(folder))
        if adapter:
            model.load_adapter(str(adapter))
        return model, loader.materialize


def _local(path: str) -> Path:
    """The folder of a path or of a name on the hub, whose weights are fetched if they are not there yet."""
    patterns = ["*.json", "*.safetensors", "*.py", "*.txt", "*.model", "*.jinja"]
    return Path(path) if Path(path).is_dir() else Path(snapshot_download(path, allow_patterns=patterns))


def freeze_vision_tower(model: PreTrainedModel) -> None:
    """Freezes the vision encoder; the connector to the text model stays trainable.

    Raises:
        ValueError: If no module is named like a vision tower.
    """
    names = ("vision_model", "vision_tower", "visual", "vision_encoder", "image_encoder", "img_processor")
    towers = [module for name, module in model.named_modules() if name.rpartition(".")[2] in names]
    if not towers:
        raise ValueError(f"{type(model).__name__} has no module named {' or '.join(names)} to freeze.")
    towers[0].requires_grad_(False)


def _lora_config(lora: dict[str, Any] | None) -> LoraConfig | None:
    if lora is None:
        return None
    try:
        return LoraConfig(**lora)
    except TypeError as error:
        raise ValueError(f"Backbone.lora: {error}; its keys are the arguments of peft.LoraConfig.") from error
