"""Sharding a model over ranks: FSDP2 under `ModelParallelStrategy`, FSDP1 under `FSDPStrategy`.

A model is divided into units, gathered one at a time: each block of the text model, each block of the vision tower,
and what is left. Blocks are found in any transformers architecture as the members of its outermost lists of modules.
It leaves out tensor parallelism, and ranks of which some see images and some do not: units must be gathered together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy
from torch import nn
from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, OffloadPolicy, fully_shard
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP1
from torch.distributed.fsdp.wrap import wrap
from torch.distributed.tensor import DTensor
from torchmetrics import Metric

Shard = Callable[[nn.Module], nn.Module]
_Number = Literal["float32", "bfloat16", "float16"]


@dataclass
class Sharding:
    """How FSDP2 shards; under any other strategy it says nothing. FSDP1 is told by its strategy's own arguments.

    Activations of the blocks are recomputed where `Backbone.gradient_checkpointing` says so, sharded or not.

    Args:
        param_dtype: What gathered weights are cast to for computing; None keeps the model's.
        reduce_dtype: What gradients are summed over ranks in; None keeps `param_dtype`.
        cpu_offload: Keep shards, gradients and optimizer state in the CPU's memory.
        reshard_after_forward: Free gathered weights between forward and backward pass: less memory, more exchange.
    """

    param_dtype: _Number | None = None
    reduce_dtype: _Number | None = None
    cpu_offload: bool = False
    reshard_after_forward: bool = True

    def options(self, mesh: Any) -> dict[str, Any]:
        """Arguments of `fully_shard` on a mesh of one dimension."""
        offload = CPUOffloadPolicy(pin_memory=mesh.device_type != "cpu") if self.cpu_offload else OffloadPolicy()
        policy = MixedPrecisionPolicy(_dtype(self.param_dtype), _dtype(self.reduce_dtype))
        return {
            "mesh": mesh,
            "mp_policy": policy,
            "offload_policy": offload,
            "reshard_after_forward": self.reshard_after_forward,
        }


class FSDP2Strategy(ModelParallelStrategy):
    """Lightning's `ModelParallelStrategy` with every rank of every node in one data-parallel group.

    Args:
        save_distributed_checkpoint: Write a folder, every rank its part, instead of one file.
        process_group_backend: As for `ModelParallelStrategy`.
    """

    def __init__(self, save_distributed_checkpoint: bool = False, process_group_backend: str | None = None) -> None:
        super().__init__(
            tensor_parallel_size=1,
            save_distributed_checkpoint=save_distributed_checkpoint,
            process_group_backend=process_group_backend,
        )

    def setup_environment(self) -> None:
        """Sets the size as soon as the number of processes is known."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def model_to_device(self) -> None:
        """Moves all but shards that are offloaded to the CPU."""
        model = cast(LightningModule, self.model)
        shards = [p for p in model.parameters() if isinstance(p, DTensor)]
        if not shards or shards[0].device.type == self.root_device.type:
            super().model_to_device()
            return
        for module in model.modules():
            module._buffers = {name: b if b is None else b.to(self.root_device) for name, b in module._buffers.items()}
            if isinstance(module, Metric):
                module.to(self.root_device)
        model._device = self.root_device


def sharder(module: LightningModule, sharding: Sharding) -> Shard | None:
    """What makes a unit of a module's model, under a strategy that shards; None under any other.

    Raises:
        ValueError: If the strategy also asks for tensor parallelism.
    """
    strategy = module._trainer.strategy if module._trainer else None
    if isinstance(strategy, ModelParallelStrategy):
        mesh = strategy.device_mesh
        if mesh["tensor_parallel"].size() > 1:
            raise ValueError(
                f"ModelParallelStrategy.tensor_parallel_size is {mesh['tensor_parallel'].size()}; models are sharded "
                "over data-parallel ranks only: use lit_mstar.models.FSDP2Strategy, or tensor_parallel_size: 1."
            )
        options = sharding.options(mesh["data_parallel"])
        return lambda unit: cast(nn.Module, fully_shard(unit, **options))
    return cast(Shard, wrap) if isinstance(strategy, FSDPStrategy) else None


def units(model: nn.Module) -> Iterator[str]:
    """Names of the blocks: members with parameters of the outermost `nn.ModuleList`s."""
    for name, child in model.named_children():
        if isinstance(child, nn.ModuleList):
            yield from (f"{name}.{i}" for i, block in enumerate(child) if any(True for _ in block.parameters()))
        else:
            yield from (f"{name}.{inner}" for inner in units(child))


def shard_units(model: nn.Module, shard: Shard, prepare: Callable[[nn.Module], None] = lambda unit: None) -> nn.Module:
    """Makes units of the blocks, then of the whole; each is prepared at once before it is sharded.

    Args:
        model: Its blocks are replaced in place where `shard` returns another module.
        shard: Makes a unit.
        prepare: Called with a block, at last with the model, whose blocks are shards by then.

    Returns:
        The whole, a unit itself.
    """
    for name in list(units(model)):
        block = model.get_submodule(name)
        prepare(block)
        model.set_submodule(name, shard(block))
    prepare(model)
    return shard(model)


def without_wrappers(name: str) -> str:
    """A module's or parameter's name as it was before FSDP1 wrapped units of the model."""
    return name.replace("_fsdp_wrapped_module.", "")


def is_sharded(model: nn.Module) -> bool:
    """Whether weights are divided over ranks, by either kind of FSDP."""
    return any(isinstance(m, FSDP1) for m in model.modules()) or any(isinstance(p, DTensor) for p in model.parameters())


def _dtype(name: str | None) -> torch.dtype | None:
    return getattr(torch, name) if name else None
