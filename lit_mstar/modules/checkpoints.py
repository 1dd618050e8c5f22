"""What a checkpoint must fit, and what makes one fit every strategy.

A checkpoint is a file with everything (consolidated), or a folder with every rank's part (sharded). Optimizer states go
by the names of weights in both, so either resumes a run under any strategy that reads its kind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, set_model_state_dict
from torch.distributed.checkpoint.state_dict_loader import load as load_state

from lit_mstar.models.backbone import Backbone
from lit_mstar.models.sharding import is_sharded, without_wrappers

_KEY = "lit_mstar_architecture"


def remember_architecture(checkpoint: dict[str, Any], backbone: Backbone) -> None:
    """Writes the name of the model class into a checkpoint that is about to be saved."""
    checkpoint[_KEY] = backbone.architecture()


def require_architecture(checkpoint: dict[str, Any], backbone: Backbone, module: LightningModule) -> None:
    """Compares a checkpoint with the model that is to take it.

    Shapes are compared where the checkpoint still has its weights; a strategy that shards has loaded them by now.

    Raises:
        ValueError: If the model class or the shape of a weight differs.
    """
    ours, theirs = backbone.architecture(), checkpoint.get(_KEY)
    if theirs is not None and theirs != ours:
        raise ValueError(
            f"The checkpoint holds a {theirs}, but the config builds a {ours}; give the config that the checkpoint "
            "was trained with, or another --ckpt_path."
        )
    saved = checkpoint.get("state_dict", {})
    for name, value in module.state_dict().items() if saved else ():
        if name in saved and saved[name].shape != value.shape:
            raise ValueError(
                f"The checkpoint's {name} has shape {tuple(saved[name].shape)}, the config's model "
                f"{tuple(value.shape)}; give the config that the checkpoint was trained with."
            )


def name_optimizer_states(checkpoint: dict[str, Any], module: LightningModule) -> None:
    """Gives optimizer states the names of weights for keys, in a checkpoint that is about to be saved.

    Strategies number weights differently where some are frozen; torch and all strategies take names as well.
    """
    names = {id(parameter): without_wrappers(name) for name, parameter in module.named_parameters()}
    for i, state in enumerate(checkpoint.get("optimizer_states", [])):
        if not state:
            continue  # only rank zero has it
        groups = module.trainer.optimizers[i].param_groups
        own = [names[id(parameter)] for group in groups for parameter in group["params"]]
        saved = [key for group in state["param_groups"] for key in group["params"]]
        renamed = dict(zip(saved, own, strict=True))
        checkpoint["optimizer_states"][i] = {
            "state": {renamed[key]: value for key, value in state["state"].items()},
            "param_groups": [
                group | {"params": [renamed[k] for k in group["params"]]} for group in state["param_groups"]
            ],
        }


def load_weights(module: LightningModule, path: Path) -> None:
    """Loads a checkpoint's weights, of either kind, into a module, sharded or not; every rank must take part."""
    if path.is_dir():
        weights = get_model_state_dict(module)
        key = "state_dict" if _has_prefix(path, "state_dict.") else "model"  # FSDP1's name for it
        load_state({key: weights}, checkpoint_id=path)
        set_model_state_dict(module, weights)
    else:
        # mapped, not read: every rank takes its part of each weight
        saved = torch.load(path, map_location="cpu", mmap=True, weights_only=True)["state_dict"]
        if is_sharded(module):
            set_model_state_dict(module, saved, options=StateDictOptions(full_state_dict=True))
        else:
            module.load_state_dict(saved)  # weight by weight; the other way holds a second whole model meanwhile


def _has_prefix(folder: Path, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in FileSystemReader(folder).read_metadata().state_dict_metadata)
