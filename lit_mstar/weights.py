"""The weights of a model as its checkpoint would hold them: whole, merged, one tensor at a time.

A model in training may be wrapped by LoRA and sharded over ranks. What leaves here is neither: names are those of the
Hugging Face checkpoint, LoRA is merged by peft's own arithmetic on a copy of one layer, and shards are gathered tensor
by tensor, so that no rank ever holds a second whole model. Under sharding every rank must iterate together.

It leaves out architectures whose checkpoints fuse several of the model's tensors into one.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import ModulesToSaveWrapper
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers.core_model_loading import revert_weight_conversion

_SHARD = 2_000_000_000  # bytes per file, ours: what is held in memory while writing


def digest(model: nn.Module) -> str:
    """A short name for the trainable weights: equal names, equal weights. Equal on all ranks of a sharded model."""
    numbers = [_projected(whole(p)) for p in model.parameters() if p.requires_grad]
    return hashlib.sha256(repr(numbers).encode()).hexdigest()[:16]


def stream(model: nn.Module, merge: bool = True) -> Iterator[tuple[str, Tensor]]:
    """Yields (name in the checkpoint, whole tensor), one at a time.

    Args:
        model: A transformers model, or a `PeftModel` around one.
        merge: Add the adapter to the weights; without, the base weights are yielded as they were loaded.
    """
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    for name, tensor in _unwrapped(base, merge):
        yield from revert_weight_conversion(base, {name: whole(tensor)}).items()  # type: ignore[no-untyped-call]


def write(model: nn.Module, folder: Path | None, merge: bool = True) -> int:
    """Writes `stream` as a sharded safetensors checkpoint, with the model's configuration; returns its bytes.

    Without a folder it only takes part: what all ranks but one do where weights are sharded.
    """
    if folder is None:
        return sum(tensor.nbytes for _, tensor in stream(model, merge))
    folder.mkdir(parents=True, exist_ok=True)
    shard: dict[str, Tensor] = {}
    index: dict[str, str] = {}
    size = total = 0

    def flush() -> None:
        file = f"model-{len(set(index.values())) + 1:05d}.safetensors"
        save_file(shard, cast(Path, folder) / file, metadata={"format": "pt"})
        index.update(dict.fromkeys(shard, file))
        shard.clear()

    for name, tensor in stream(model, merge):
        shard[name] = tensor.detach().cpu().contiguous()
        size, total = size + shard[name].nbytes, total + shard[name].nbytes
        if size >= _SHARD:
            flush()
            size = 0
    if shard:
        flush()
    note = {"metadata": {"total_size": total}, "weight_map": index}
    (folder / "model.safetensors.index.json").write_text(json.dumps(note))
    write_config(model, folder)
    return total


def write_config(model: nn.Module, folder: Path) -> None:
    """Writes the configuration of the model inside any wrapper, with the name of its class."""
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    config = copy.deepcopy(base.config)
    config.architectures = [type(base).__name__.removeprefix("FSDP")]  # fully_shard renames classes
    config.save_pretrained(folder)


def write_adapter(model: nn.Module, folder: Path | None) -> int:
    """Writes the adapter alone, as peft would; returns its bytes. Without a folder it only takes part, as in `write`.

    Raises:
        ValueError: If the model has no adapter.
    """
    if not isinstance(model, PeftModel):
        raise ValueError("The policy has no adapter to send; set Backbone.lora, or sync: merged.")
    state = {name: whole(p).cpu() for name, p in model.named_parameters() if p.requires_grad or ".lora_" in name}
    if folder is None:
        return 0
    model.save_pretrained(str(folder), state_dict=state)
    return (folder / "adapter_model.safetensors").stat().st_size


def whole(tensor: Tensor) -> Tensor:
    """The tensor itself, gathered from all ranks where it is sharded."""
    tensor = tensor.detach()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor  # type: ignore[no-untyped-call]


def _unwrapped(model: nn.Module, merge: bool) -> Iterator[tuple[str, Tensor]]:
    """Yields (name as without wrappers, tensor); of tied weights the first name only."""
    seen: set[int] = set()  # of the model's own tensors, which live on: a merged one's id may be used again
    wrappers: tuple[str, ...] = ()
    for prefix, module in model.named_modules():
        if prefix.startswith(wrappers):
            continue  # said by the wrapper
        if inner := _inside(module, merge):
            wrappers = (*wrappers, f"{prefix}.")
            yield from ((f"{prefix}.{name}", tensor) for name, tensor in _tensors(inner, recurse=True))
            continue
        for name, tensor in _tensors(module, recurse=False):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield f"{prefix}.{name}" if prefix else name, tensor


def _inside(module: nn.Module, merge: bool) -> nn.Module | None:
    """What a peft wrapper stands for; None where the module is no wrapper."""
    if isinstance(module, ModulesToSaveWrapper):
        return module.modules_to_save[module.active_adapters[0]] if merge else module.original_module
    if not isinstance(module, BaseTunerLayer):
        return None
    if merge:
        module = _gathered(module)
        cast(BaseTunerLayer, module).merge()
    return cast(nn.Module, cast(BaseTunerLayer, module).get_base_layer())


def _gathered(layer: nn.Module) -> nn.Module:
    """A copy of one layer with whole parameters."""
    layer = copy.deepcopy(layer)
    for module in layer.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(whole(parameter), requires_grad=False))
    return layer


def _tensors(module: nn.Module, recurse: bool) -> Iterator[tuple[str, Tensor]]:
    """Parameters and those buffers that a checkpoint keeps."""
    yield from module.named_parameters(recurse=recurse)
    holders = module.modules() if recurse else [module]
    transient = {id(b) for m in holders for n, b in m._buffers.items() if n in m._non_persistent_buffers_set}
    yield from ((name, b) for name, b in module.named_buffers(recurse=recurse) if id(b) not in transient)


def _projected(weight: Tensor) -> float:
    """One number for a tensor that changes with every element and with their order."""
    value = weight.double()
    while value.dim():
        value = value @ torch.arange(value.shape[-1], device=value.device, dtype=value.dtype).cos()
    return float(value)
