"""Loading a model that no rank ever holds whole: unit by unit, each sharded as soon as its weights are read.

Until then a weight has its shape and its place but no memory. What is drawn at random (LoRA, heads) is drawn as in one
process, from rank zero's random state. It leaves out architectures whose checkpoints fuse several of the model's
tensors into one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from safetensors import safe_open
from torch import Tensor, nn
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming, dot_natural_key, rename_source_key

from lit_mstar.models.origin import clear_errors

# Where each parameter is, by its id: module, attribute, full name; several places where it is tied.
Places = dict[int, list[tuple[nn.Module, str, str]]]


class Checkpoint:
    """The tensors of a folder's safetensors files, by names in the files.

    Args:
        folder: Holds `model.safetensors`, or several files and their index.

    Raises:
        ValueError: If the folder has neither.
    """

    def __init__(self, folder: Path) -> None:
        index, single = folder / "model.safetensors.index.json", folder / "model.safetensors"
        self.folder = folder
        if index.is_file():
            with clear_errors(str(index)):
                self.files: dict[str, str] = json.loads(index.read_text())["weight_map"]
        elif single.is_file():
            with clear_errors(str(single)), safe_open(single, "pt") as file:
                self.files = dict.fromkeys(file.keys(), single.name)
        else:
            raise ValueError(f"{folder} has no safetensors weights; sharded loading reads no other format.")

    def read(self, name: str) -> Tensor:
        """Reads one tensor; the file is mapped into memory, so nothing else of it is."""
        with safe_open(self.folder / self.files[name], "pt") as file:
            tensor: Tensor = file.get_tensor(name)
        return tensor

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape; the tensor is not read."""
        with safe_open(self.folder / self.files[name], "pt") as file:
            return tuple(file.get_slice(name).get_shape())

    def names(self, model: Any) -> dict[str, str]:
        """Names in the checkpoint by names in the model, by the rules that `from_pretrained` follows."""
        rules = get_model_conversion_mapping(model)
        renamings = [rule for rule in rules if isinstance(rule, WeightRenaming)]
        converters = [rule for rule in rules if isinstance(rule, WeightConverter)]
        wanted = model.state_dict()
        found: dict[str, str] = {}
        for name in sorted(self.files, key=dot_natural_key):
            for rule in ((renamings, converters), ([], [])):
                renamed, fused = rename_source_key(name, *rule, model.base_model_prefix, wanted)
                if fused is None and renamed in wanted:
                    found.setdefault(renamed, name)
                    break
        model._weight_conversions = [rule for rule in rules if rule.was_used()]  # for writing the same names
        return found


class Stub(nn.Parameter):
    """A parameter with a shape and a place, on the CPU, but next to no memory, and its name in the checkpoint."""

    key: str

    @classmethod
    def of(cls, parameter: Tensor, key: str) -> Stub:
        """What stands for a parameter until its weights are read."""
        stub = cls(torch.zeros((), dtype=parameter.dtype).expand(parameter.shape), parameter.requires_grad)
        stub.key = key
        return stub

    def __deepcopy__(self, memo: dict[int, Any]) -> Stub:  # peft copies whole modules that it trains beside the adapter
        copy: Stub = memo.setdefault(id(self), Stub.of(self, self.key))
        return copy


class Loader:
    """A model without memory for its weights, and what it takes to give it to them.

    Args:
        model: A transformers model on the meta device; its parameters become stubs, which peft takes for real ones,
            so that it draws adapters as it always does.
        checkpoint: Where its weights are.

    Raises:
        ValueError: If the checkpoint lacks a weight.
    """

    def __init__(self, model: Any, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        known = checkpoint.names(model)
        for places in _places(model).values():
            module, attribute, _ = places[0]
            stub = Stub.of(getattr(module, attribute), self._one_of([name for _, _, name in places], known))
            for module, attribute, _ in places:
                setattr(module, attribute, stub)
        for name, buffer in _persistent_buffers(model):
            buffer.copy_(checkpoint.read(self._one_of([name], known)))

    def materialize(self, unit: nn.Module) -> None:
        """Reads the weights of a unit, without those of units inside it, which have theirs by now.

        Raises:
            ValueError: If the checkpoint has a weight in another shape.
        """
        for places in _places(unit).values():
            stub = getattr(*places[0][:2])
            if not isinstance(stub, Stub):
                continue
            tensor = self.checkpoint.read(stub.key).to(stub.dtype)
            if tensor.shape != stub.shape:
                raise ValueError(
                    f"{self.checkpoint.folder}: {stub.key} has shape {tuple(tensor.shape)}, the model "
                    f"{tuple(stub.shape)}."
                )
            parameter = nn.Parameter(tensor, stub.requires_grad)
            for module, attribute, _ in places:
                setattr(module, attribute, parameter)

    def _one_of(self, names: list[str], known: dict[str, str]) -> str:
        for name in names:
            if name in known:
                return known[name]
        raise ValueError(
            f"{self.checkpoint.folder} has no {names[0]} for the model. Sharded loading needs every weight of the "
            "model, unfused, in the checkpoint; use another strategy, such as trainer.strategy: ddp, for this one."
        )


def on_meta(auto: Any, config: Any, **options: Any) -> Any:
    """A model of a configuration, without memory for its weights; buffers are computed.

    Args:
        auto: `AutoModel`, or another class with `from_config`.
        config: What it is made from.
        **options: Of `from_config`.
    """
    with init_empty_weights(include_buffers=False):
        model = auto.from_config(config, **options)
    model.tie_weights()
    return model


def _places(module: nn.Module) -> Places:
    places: Places = defaultdict(list)
    for prefix, inner in module.named_modules():
        for name, parameter in inner._parameters.items():
            if parameter is not None:
                places[id(parameter)].append((inner, name, f"{prefix}.{name}" if prefix else name))
    return places


def _persistent_buffers(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for prefix, inner in module.named_modules():
        for name, buffer in inner._buffers.items():
            if buffer is not None and name not in inner._non_persistent_buffers_set:
                yield f"{prefix}.{name}" if prefix else name, buffer
