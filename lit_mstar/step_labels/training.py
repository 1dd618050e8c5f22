"""More optimizer steps for a PRM, outside any trainer; the random numbers of the policy's training stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

import torch
import torch.distributed as dist
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from lit_mstar.encoding.step_encoding import StepExample, collate_steps
from lit_mstar.modules.gradients import require_finite, squared_norms
from lit_mstar.modules.prm import ProcessRewardModule
from lit_mstar.ranks import ranks
from lit_mstar.training.division import gather
from lit_mstar.training.randomness import own_random_numbers


def train_on(
    prm: ProcessRewardModule,
    examples: Sequence[StepExample],
    optimizer: OptimizerCallable,
    rows: Iterable[list[int]],
    seed: int,
) -> float:
    """Takes a step on each of `rows`, and returns the mean of their losses.

    All ranks make the same steps and end with rank zero's weights: arithmetic is not exact on every device.

    Args:
        prm: Where it is to be trained; frozen and in evaluation mode before and afterwards.
        examples: The whole list, the same on every rank.
        optimizer: Makes a new optimizer.
        rows: Which examples each step learns from; drawn under `seed`.
        seed: Of dropout, and of what `rows` draws.

    Raises:
        FloatingPointError: If a loss or gradient is not finite.
    """
    weights = trained(prm)
    losses = []
    with own_random_numbers(seed), torch.enable_grad():
        prm.train()
        for weight in weights.values():
            weight.requires_grad_(True)
        stepper = optimizer(iter(weights.values()))
        for step, chosen in enumerate(rows):
            batch = collate_steps(prm.encoder, [examples[i] for i in chosen])
            total, number = prm.loss({name: value.to(prm.device) for name, value in batch.items()})
            (total / number).backward()  # type: ignore[no-untyped-call]
            losses.append(float(total.detach()) / float(number))
            require_finite(losses[-1], float(squared_norms(prm, prm.device).sum().sqrt()), step)
            stepper.step()
            stepper.zero_grad(set_to_none=True)
    prm.eval().requires_grad_(False)
    if ranks() > 1:
        for weight in weights.values():
            dist.broadcast(weight, src=0)
    return gather(fmean(losses))[0]


def batches(count: int, batch_size: int, steps: int) -> Iterator[list[int]]:
    """Which of `count` examples each step learns from: all of them in random order, again and again."""
    size = min(batch_size, count)
    rows = [row for _ in range(-(-steps * size // count)) for row in torch.randperm(count).tolist()]
    yield from (rows[start : start + size] for start in range(0, steps * size, size))


def trained(prm: ProcessRewardModule) -> dict[str, nn.Parameter]:
    """The weights that a refresh trains: of a PRM that is an adapter, that and the head; otherwise all."""
    adapter = (Path(prm.backbone.path) / "adapter_config.json").is_file()
    return {
        name: weight
        for name, weight in prm.named_parameters()
        if not adapter or "lora_" in name or name.startswith("head.")
    }


def restore(prm: ProcessRewardModule, weights: dict[str, Tensor]) -> None:
    """Puts the weights of a refreshed PRM into the one that it began as.

    Raises:
        ValueError: If it is another model.
    """
    ours = trained(prm)
    if {name: value.shape for name, value in weights.items()} != {name: value.shape for name, value in ours.items()}:
        raise ValueError(
            f"The checkpoint holds a refreshed PRM whose weights do not fit {prm.backbone.path}; resume with the PRM "
            "that the run began with."
        )
    for name, weight in weights.items():
        ours[name].data.copy_(weight)
