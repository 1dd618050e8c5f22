"""What a checkpoint must fit, and a loss that must be finite: both modules' common safeguards."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from lit_mstar.backbone import Backbone

_KEY = "lit_mstar_architecture"


def remember_architecture(checkpoint: dict[str, Any], backbone: Backbone) -> None:
    """Writes the name of the model class into a checkpoint that is about to be saved."""
    checkpoint[_KEY] = backbone.architecture()


def require_architecture(checkpoint: dict[str, Any], backbone: Backbone, module: LightningModule) -> None:
    """Compares a checkpoint with the model that is to take it.

    Raises:
        ValueError: If the model class or the shape of a weight differs.
    """
    ours, theirs = backbone.architecture(), checkpoint.get(_KEY)
    if theirs is not None and theirs != ours:
        raise ValueError(
            f"The checkpoint holds a {theirs}, but the config builds a {ours}; give the config that the checkpoint "
            "was trained with, or another --ckpt_path."
        )
    saved = checkpoint["state_dict"]
    for name, value in module.state_dict().items():
        if name in saved and saved[name].shape != value.shape:
            raise ValueError(
                f"The checkpoint's {name} has shape {tuple(saved[name].shape)}, the config's model "
                f"{tuple(value.shape)}; give the config that the checkpoint was trained with."
            )


def end_epoch_on_resume(checkpoint: dict[str, Any]) -> None:
    """Lets a run that was saved after an epoch's last batch go on with that epoch's end.

    Lightning takes such an epoch for complete: validation and everything at its end would never happen. The loops'
    state is edited to say that the batch is done and validation has begun, with none of its own batches done.
    """
    loops = checkpoint.get("loops", {}).get("fit_loop", {})
    batches, epochs = loops.get("epoch_loop.batch_progress"), loops.get("epoch_progress")
    if not batches or not batches["is_last_batch"] or epochs["total"]["processed"] == epochs["total"]["started"]:
        return
    for counts in (batches["total"], batches["current"]):
        counts["completed"] = counts["processed"]
    none = {"ready": 0, "started": 0, "processed": 0, "completed": 0}
    loops["epoch_loop.val_loop.batch_progress"] |= {"total": none | {"ready": 1, "started": 1}, "current": none}


def require_finite(loss: Tensor, module: LightningModule) -> None:
    """Stops training at a loss that is not finite, before it reaches the weights.

    Raises:
        FloatingPointError: With where it happened and what to do.
    """
    if not torch.isfinite(loss):
        raise FloatingPointError(
            f"The loss is {loss.item()} at step {module.global_step}. The last checkpoint is from before it: resume "
            "with --ckpt_path last and a lower learning rate, gradient clipping or a wider dtype."
        )
