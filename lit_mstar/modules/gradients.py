"""One optimizer step over all ranks and accumulated batches: its mean loss, its gradient norm, and their sanity.

Whatever divides a step's examples, ranks or batches, the loss is the mean over all its tokens (policy) or reasoning
steps (PRM), so a run on several devices learns exactly what a run on one would.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP1
from torch.distributed.fsdp import ShardingStrategy
from torch.distributed.tensor import DTensor


def widest(device: torch.device) -> torch.dtype:
    """The widest floating-point type of a device."""
    return torch.float32 if device.type == "mps" else torch.float64


def squared_norms(module: nn.Module, device: torch.device) -> Tensor:
    """Sums of squares of the gradients that this rank holds.

    Returns:
        (2,): of parameters that every rank has whole, and of this rank's shards of the others, in the `widest` type.
    """
    sums = torch.zeros(2, dtype=(wide := widest(device)), device=device)
    sharded = {id(p) for unit in module.modules() if _shards(unit) for p in unit.parameters()}
    for parameter in module.parameters():
        if (gradient := parameter.grad) is None:
            continue
        kind = int(isinstance(gradient, DTensor) or id(parameter) in sharded)
        local = gradient.to_local() if isinstance(gradient, DTensor) else gradient
        norm = torch.linalg.vector_norm(local, dtype=torch.promote_types(local.dtype, torch.float32))
        sums[kind] += norm.to(device, wide) ** 2
    return sums


def rescale(module: nn.Module, factor: float) -> None:
    """Multiplies all gradients in place."""
    for parameter in module.parameters():
        if parameter.grad is not None:
            parameter.grad.mul_(factor)


def require_finite(loss: float, norm: float, step: int, gradients_too: bool = True) -> None:
    """Stops training before weights are changed by what is not a number.

    Args:
        loss: Mean loss of the optimizer step, the same on all ranks.
        norm: Norm of its gradient, the same on all ranks.
        step: Optimizer steps so far.
        gradients_too: Off where a gradient scaler skips such steps by design.

    Raises:
        FloatingPointError: With what was seen and what to do.
    """
    if math.isfinite(loss) and (math.isfinite(norm) or not gradients_too):
        return
    raise FloatingPointError(
        f"The loss is {loss} at step {step}, the norm of its gradient {norm}. Weights are as they were before this "
        "step, and the last checkpoint is from before it: resume with --ckpt_path last and a lower learning rate, "
        "gradient clipping or a wider dtype."
    )


def _shards(module: nn.Module) -> bool:
    return isinstance(module, FSDP1) and module.sharding_strategy != ShardingStrategy.NO_SHARD
