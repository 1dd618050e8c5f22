"""A vision-language model with its processor: load, LoRA, freeze, save.

Any model that transformers' `AutoModelForImageTextToText` loads, with its `AutoProcessor`, will do. What turns problems
and responses into tensors is `encoding.py`; a model small enough for a laptop, built from nothing, is `tiny.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel, ProcessorMixin

from lit_mstar.encoding.architectures import architecture
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.models import weights
from lit_mstar.models.loading import Checkpoint, Loader, on_meta
from lit_mstar.models.origin import Origin, auto_class, clear_errors
from lit_mstar.models.processors import load_processor, own_settings, save_processor
from lit_mstar.models.quantization import quantization_config
from lit_mstar.models.sharding import Shard, is_sharded, shard_units
from lit_mstar.models.vision import freeze_vision_tower

_DEFAULT = "{question}{choices}"


class Backbone:
    """A pretrained vision-language model, described; nothing is loaded before it is asked for.

    Args:
        path: A Hugging Face folder, of a model or of an adapter on one, or the name of a model on the hub.
        prompt: What the user's turn says; `{question}` and `{choices}` are filled in. By default what the folder was
            trained with (`lit_mstar.json`), or these two alone.
        system: What a system turn says; by default as for `prompt`, or none. Problems may bring their own.
        template: Arguments of the chat template, such as `{enable_thinking: false}`; by default as for `prompt`.
        chat_template: A chat template, as text or as a file, for a model that comes without one.
        lora: Arguments of `peft.LoraConfig` (`r`, `lora_alpha`, `target_modules`, …); None trains all weights, or goes
            on with the adapter in `path`.
        adapter: What becomes of an adapter in `path`: "continue" trains it on; "merge" adds it to the weights, which
            are then trained, or get another with `lora`.
        freeze_vision: Keep the vision tower as it is, LoRA or not; a connector inside it is trained.
        dtype: The dtype of the weights; "auto" takes the checkpoint's.
        quantization: Arguments of `transformers.BitsAndBytesConfig`, such as `{load_in_4bit: true}`: the base is
            loaded with fewer bits, and an adapter is trained on it.
        attn_implementation: "eager", "sdpa", "flash_attention_2", …; None leaves the choice to transformers.
        gradient_checkpointing: Recompute activations in the backward pass to save memory.
        trust_remote_code: Run Python code that the model's folder brings along. Off: such models are refused.
        prompt_memory: Megabytes of prompts and images, as the processor made them, that are kept in each process, so
            that a problem asked again is not processed again (ours); 0 keeps none.

    Raises:
        ValueError: If `prompt` lacks `{question}`, `lora` has keys that peft does not know, or `prompt_memory` is
            negative.
    """

    def __init__(
        self,
        path: str,
        prompt: str | None = None,
        lora: dict[str, Any] | None = None,
        freeze_vision: bool = False,
        dtype: Literal["float32", "bfloat16", "float16", "auto"] = "float32",
        attn_implementation: str | None = None,
        gradient_checkpointing: bool = False,
        trust_remote_code: bool = False,
        system: str | None = None,
        template: dict[str, Any] | None = None,
        chat_template: str | None = None,
        adapter: Literal["continue", "merge"] = "continue",
        quantization: dict[str, Any] | None = None,
        prompt_memory: int = 256,
    ) -> None:
        if prompt is not None and "{question}" not in prompt:
            raise ValueError(f"Backbone.prompt is {prompt!r}; it must contain {{question}}.")
        if adapter not in ("continue", "merge"):
            raise ValueError(f'Backbone.adapter is {adapter!r}; it must be "continue" or "merge".')
        if prompt_memory < 0:
            raise ValueError(f"Backbone.prompt_memory is {prompt_memory}; it must be at least 0.")
        if lora is not None:
            from lit_mstar.models.adapters import lora_config  # only where there are any: see `wrapped.py`

            lora_config(lora)
        self.path = path
        self.prompt = prompt
        self.system = system
        self.template = template
        self.chat_template = chat_template
        self.lora = lora
        self.adapter = adapter
        self.freeze_vision = freeze_vision
        self.dtype = dtype
        self.quantization = quantization_config(quantization)
        self.attn_implementation = attn_implementation
        self.gradient_checkpointing = gradient_checkpointing
        self.trust_remote_code = trust_remote_code
        self.prompt_memory = prompt_memory

    def check(self) -> None:
        """Raises ValueError where `path` is a local folder that is not there; cheap, for use before any work."""
        _ = self.origin

    @property
    def origin(self) -> Origin:
        """Where the weights are, and where an adapter on them."""
        return Origin.of(self.path)

    @cached_property
    def config(self) -> PreTrainedConfig:
        """The configuration of the model; no weights are read."""
        return self.origin.config(self.trust_remote_code)

    @cached_property
    def processor(self) -> ProcessorMixin:
        """The tokenizer, image processor and chat template.

        Raises:
            ValueError: If there is no chat template, or a package that the processor needs is not installed.
        """
        origin = self.origin
        row = architecture(getattr(self.config, "model_type", None))
        return load_processor(origin, self.chat_template, row, self.trust_remote_code)

    @cached_property
    def encoder(self) -> Encoder:
        """Turns problems and responses into tensors for this model."""
        said = self.said()
        return Encoder(
            self.processor,
            said["prompt"],
            said["system"],
            said["template"],
            self._stops(),
            architecture(getattr(self.config, "model_type", None)),
            getattr(text := self.config.get_text_config(), "max_position_embeddings", None),
            getattr(text, "vocab_size", None),
            self.prompt_memory * 10**6,
        )

    def said(self) -> dict[str, Any]:
        """What is said to the model: `prompt`, `system` and `template`, as given, as saved with it, or the defaults."""
        given = {"prompt": self.prompt, "system": self.system, "template": self.template}
        default: dict[str, Any] = {"prompt": _DEFAULT, "system": None, "template": {}}
        saved = {name: value for name, value in own_settings(self.path).items() if name in default}
        return default | saved | {name: value for name, value in given.items() if value is not None}

    def load_model(self, head: bool = True) -> PreTrainedModel:
        """Loads the model, with LoRA (a `PeftModel` around it) and freezing applied.

        Args:
            head: With the language-model head; without, the model ends in hidden states (B, T, D).
        """
        return self._prepared(self._pretrained(head))

    def load_sharded(self, shard: Shard, head: bool = True) -> nn.Module:
        """Loads the model unit by unit, so that no rank ever holds it whole; LoRA and freezing as in `load_model`.

        Args:
            shard: Makes a unit of a block of the model, and of the rest.
            head: As in `load_model`.

        Raises:
            ValueError: If an adapter is to be merged, or the base is quantized.
        """
        if self.quantization or (self.adapter == "merge" and self.path and self.origin.adapter):
            what = "quantized base" if self.quantization else "adapter: merge"
            raise ValueError(f"Backbone: {what} needs whole weights, which no rank of a sharded model has; use DDP.")
        model, materialize = self._described(head)
        return shard_units(self._prepared(model, uniform=True), shard, materialize)

    def _prepared(self, model: PreTrainedModel, uniform: bool = False) -> PreTrainedModel:
        saved = self.origin.adapter if self.path else None
        if saved is None and self.lora is None:
            self.ready(model)
            return model
        from lit_mstar.models.adapters import add_adapter, continue_adapter, lora_config, merge_adapter

        if saved and self.adapter == "merge":
            model, saved = merge_adapter(model, saved), None
        self.ready(model)
        if saved:
            return continue_adapter(model, saved, self.lora, self.freeze_vision, uniform)  # type: ignore[return-value]
        lora = lora_config(self.lora)
        return add_adapter(model, lora, self.freeze_vision, uniform) if lora else model  # type: ignore[return-value]

    def ready(self, model: PreTrainedModel) -> None:
        """Makes a model ready to train: its mode, frozen weights, recomputed activations; LoRA is not on it yet."""
        model.train()
        if self.freeze_vision:
            freeze_vision_tower(model)
        if self.gradient_checkpointing:
            # transformers has renamed the method; the old name warns where the new one is known.
            enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
            enable({"use_reentrant": False})
            model.enable_input_require_grads()  # type: ignore[no-untyped-call]

    def adapter_config(self) -> Any:
        """The `LoraConfig` of the adapter that the model will have, continued or fresh; None where it has none."""
        saved = self.origin.adapter if self.path and self.adapter == "continue" else None
        if saved is None and self.lora is None:
            return None
        from lit_mstar.models.adapters import lora_config, saved_config

        return saved_config(saved) if saved else lora_config(self.lora)

    def architecture(self) -> str:
        """The name of the model class that `path` declares; read without loading any weights."""
        return str((self.config.architectures or [self.config.model_type])[0])

    def save(self, model: nn.Module, folder: Path | None) -> None:
        """Writes a Hugging Face folder (a PEFT adapter where LoRA is on), with the processor and what is said to it.

        An adapter on weights that nobody has but this run, as others were merged into them, is merged as well.
        Without a folder it only takes part, as all ranks but one must where weights are sharded.
        """
        merged = self.adapter == "merge" and bool(self.path) and self.origin.adapter is not None
        if weights.has_adapter(model) and not merged:
            weights.write_adapter(model, folder)
        elif is_sharded(model) or merged:
            weights.write(model, folder)
        elif folder:
            model.save_pretrained(folder)  # type: ignore[operator]
        if folder:
            save_processor(self.processor, folder, self.said())

    def require_trainable(self, model: nn.Module) -> None:
        """Refuses to train what cannot be trained.

        Raises:
            ValueError: If no weight is to be trained, or weights of a few bits are.
        """
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise ValueError(f"Nothing in {self.path} is trainable; unfreeze something, or give Backbone.lora.")
        if self.quantized and not weights.has_adapter(model):
            raise ValueError(f"{self.path} is quantized: train an adapter on it with Backbone.lora.")

    @property
    def quantized(self) -> bool:
        """Whether weights have fewer bits than a floating-point number."""
        return bool(self.quantization or getattr(self.config, "quantization_config", None))

    def _stops(self) -> list[int]:
        return self.origin.stops(self.trust_remote_code)

    def _pretrained(self, head: bool) -> PreTrainedModel:
        origin = self.origin
        # What a constructor draws is overwritten: it must not change what is drawn after it, such as an adapter.
        with torch.random.fork_rng(), clear_errors(origin.base):
            model = auto_class(self.config, head).from_pretrained(
                origin.base,
                dtype=self.dtype if self.dtype == "auto" else getattr(torch, self.dtype),
                attn_implementation=self.attn_implementation,
                trust_remote_code=self.trust_remote_code,
                use_safetensors=True,
                **({"quantization_config": self.quantization} if self.quantization else {}),
            )
        return self._generating(model)

    def _described(self, head: bool) -> tuple[PreTrainedModel, Callable[[nn.Module], None]]:
        """A model without memory for its weights, and what reads those of a unit."""
        model = self._generating(self.without_memory(head))
        return model, Loader(model, Checkpoint(self.origin.local())).materialize

    def without_memory(self, head: bool, config: PreTrainedConfig | None = None) -> Any:
        """The model as its configuration describes it, on the meta device; nothing is drawn at random.

        Args:
            head: As in `load_model`.
            config: A configuration to take instead of the model's own.
        """
        config = config or self.config
        with torch.random.fork_rng():
            return on_meta(
                auto_class(config, head),
                config,
                dtype=self.torch_dtype,
                attn_implementation=self.attn_implementation,
                trust_remote_code=self.trust_remote_code,
            )

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        own = self.config.dtype if self.dtype == "auto" else getattr(torch, self.dtype)
        return own if isinstance(own, torch.dtype) else torch.float32

    def _generating(self, model: Any) -> PreTrainedModel:
        """The model with the checkpoint's own generation settings, which are saved with it."""
        if (settings := self.origin.generation_config()) is not None and hasattr(model, "generation_config"):
            model.generation_config = settings
        return cast(PreTrainedModel, model)
