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
    shards = {id(p) for unit in module.modules() if _shards(unit) for p in unit.parameters()}
    kinds: tuple[list[Tensor], list[Tensor]] = ([], [])
    for parameter in module.parameters():
        if parameter.grad is not None:
            kinds[isinstance(parameter.grad, DTensor) or id(parameter) in shards].append(_local(parameter.grad))
    for kind, gradients in enumerate(kinds):
        if gradients:
            dtype = torch.promote_types(gradients[0].dtype, torch.float32)
            norms = torch._foreach_norm(gradients, 2, dtype)  # all at once: a model has hundreds of small ones
            sums[kind] = torch.stack([norm.to(device, wide) for norm in norms]).square().sum()
    return sums


@torch.no_grad()
def rescale(module: nn.Module, factor: float) -> None:
    """Multiplies all gradients in place."""
    if gradients := [_local(p.grad) for p in module.parameters() if p.grad is not None]:
        torch._foreach_mul_(gradients, factor)


def _local(gradient: Tensor) -> Tensor:
    """What this rank holds of a gradient."""
    return gradient.to_local() if isinstance(gradient, DTensor) else gradient


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
