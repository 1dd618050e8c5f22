"""The weights of a model as its checkpoint would hold them: whole, merged, one tensor at a time.

A model in training may be wrapped by LoRA and sharded over ranks. What leaves here is neither: names are those of the
Hugging Face checkpoint, LoRA is merged by peft's own arithmetic on a copy of one layer, and shards are gathered tensor
by tensor (FSDP1: unit by unit), so that no rank ever holds a second whole model. Under sharding every rank must iterate
together, to the end.

It leaves out architectures whose checkpoints fuse several of the model's tensors into one, and FSDP1 units outside the
model: it must be a unit itself where it is sharded so.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP1
from torch.distributed.tensor import DTensor
from transformers.core_model_loading import revert_weight_conversion

from lit_mstar.models.wrapped import any_adapters, is_adapted

_FSDP1 = "_fsdp_wrapped_module."  # what FSDP1 puts into the names of modules
_SHARD = 2_000_000_000  # bytes per file, ours: what is held in memory while writing


def digest(model: nn.Module) -> str:
    """A short name for the trainable weights: equal names, equal weights. Equal on all ranks of a sharded model."""
    trainable = (p for _, module in _modules(model) for p in module.parameters(recurse=False) if p.requires_grad)
    numbers = [_projected(whole(p)) for p in trainable]
    return hashlib.sha256(repr(numbers).encode()).hexdigest()[:16]


def stream(model: nn.Module, merge: bool = True) -> Iterator[tuple[str, Tensor]]:
    """Yields (name in the checkpoint, whole tensor), one at a time.

    Args:
        model: A transformers model, or a `PeftModel` around one.
        merge: Add the adapter to the weights; without, the base weights are yielded as they were loaded.
    """
    base = _base(model)
    passing = any(isinstance(module, FSDP1) for module in model.modules())  # whole only while a unit is gathered
    with _gathered_unit(model):
        for name, tensor in _unwrapped(base, merge):
            tensor = whole(tensor).clone() if passing else whole(tensor)
            yield from revert_weight_conversion(base, {name: tensor}).items()  # type: ignore[no-untyped-call]


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
        save_file(shard, folder / file, metadata={"format": "pt"})
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
    base = _base(model)
    config = copy.deepcopy(base.config)
    config.architectures = [type(base).__name__.removeprefix("FSDP")]  # fully_shard renames classes
    config.save_pretrained(folder)
    if generation := getattr(base, "generation_config", None):
        generation.save_pretrained(folder)  # where the model stops, and how its makers sample from it


def has_adapter(model: nn.Module) -> bool:
    """Whether the model inside any sharding is one with a LoRA adapter."""
    return is_adapted(model.module if isinstance(model, FSDP1) else model)


def write_adapter(model: nn.Module, folder: Path | None) -> int:
    """Writes the adapter alone, as peft would; returns its bytes. Without a folder it only takes part, as in `write`.

    Raises:
        ValueError: If the model has no adapter.
    """
    inner = model.module if isinstance(model, FSDP1) else model
    if not is_adapted(inner):
        raise ValueError("The policy has no adapter to send; set Backbone.lora, or sync: merged.")
    from peft import get_peft_model_state_dict

    peft_names = {
        name.replace(_FSDP1, ""): name for name, _ in inner.named_modules()
    }  # it asks for names with wrappers
    state = {
        f"{peft_names[prefix]}.{name}": whole(parameter).clone().cpu()
        for prefix, module in _modules(model)
        for name, parameter in module.named_parameters(recurse=False)
        if parameter.requires_grad or ".lora_" in prefix
    }
    if folder is None:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    adapter = {name.replace(_FSDP1, ""): tensor for name, tensor in get_peft_model_state_dict(inner, state).items()}
    save_file(adapter, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    inner.peft_config[inner.active_adapter].save_pretrained(str(folder))
    return (folder / "adapter_model.safetensors").stat().st_size


def whole_parameters(model: nn.Module, frozen: bool = True) -> Iterator[tuple[str, Tensor]]:
    """Yields (name without wrappers, whole tensor, good until the next); under sharding every rank must take part.

    Args:
        model: Sharded or not.
        frozen: Yield those, too, that are not trained.
    """
    for prefix, module in _modules(model):
        for name, parameter in module.named_parameters(recurse=False):
            if frozen or parameter.requires_grad:
                yield f"{prefix}.{name}" if prefix else name, whole(parameter)


def whole(tensor: Tensor) -> Tensor:
    """The tensor itself, gathered from all ranks where it is sharded."""
    tensor = tensor.detach()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor  # type: ignore[no-untyped-call]


def _base(model: nn.Module) -> Any:
    """The transformers model inside any wrapper."""
    model = model.module if isinstance(model, FSDP1) else model
    return model.get_base_model() if is_adapted(model) else model


def _gathered_unit(module: nn.Module) -> AbstractContextManager[None]:
    """Where a module is a unit of FSDP1, its own parameters, without those of units inside it, are whole meanwhile."""
    sharded = isinstance(module, FSDP1)
    return FSDP1.summon_full_params(module, recurse=False, writeback=False) if sharded else nullcontext()  # type: ignore[return-value]


def _modules(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """As `named_modules`, but without the wrappers of FSDP1: its units are gathered as their turn comes."""
    if isinstance(module, FSDP1):
        with _gathered_unit(module):
            yield from _modules(module.module, prefix)
        return
    yield prefix, module
    for name, child in module.named_children():
        yield from _modules(child, f"{prefix}.{name}" if prefix else name)


def _unwrapped(model: nn.Module, merge: bool) -> Iterator[tuple[str, Tensor]]:
    """Yields (name as without wrappers, tensor); of tied weights the first name only."""
    seen: dict[int, Tensor] = {}  # of the model's own tensors, kept alive: a dead one's id may be used again
    wrappers: tuple[str, ...] = ()
    for prefix, module in _modules(model):
        if prefix.startswith(wrappers):
            continue  # said by the wrapper
        if inner := _inside(module, merge):
            wrappers = (*wrappers, f"{prefix}.")
            yield from ((f"{prefix}.{name}", tensor) for name, tensor in _tensors(inner, recurse=True))
            continue
        for name, tensor in _tensors(module, recurse=False):
            if id(tensor) not in seen:
                seen[id(tensor)] = tensor
                yield f"{prefix}.{name}" if prefix else name, tensor


def _inside(module: nn.Module, merge: bool) -> nn.Module | None:
    """What a peft wrapper stands for; None where the module is no wrapper."""
    if not any_adapters():
        return None
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import ModulesToSaveWrapper

    if isinstance(module, ModulesToSaveWrapper):
        return module.modules_to_save[module.active_adapters[0]] if merge else module.original_module
    if not isinstance(module, BaseTunerLayer):
        return None
    if merge:
        module = _gathered(module)
        cast(BaseTunerLayer, module).merge()
    return cast(BaseTunerLayer, module).get_base_layer()


def _gathered(layer: nn.Module) -> nn.Module:
    """A copy of one layer with whole parameters, and without gradients."""
    copies = {id(p): nn.Parameter(whole(p).clone(), requires_grad=False) for p in layer.parameters()}
    return copy.deepcopy(layer, dict[int, Any](copies))


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
