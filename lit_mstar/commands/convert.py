"""`lit-mstar convert`: a sharded checkpoint, a folder, to a consolidated one, a file, and back.

Runs on one process without a GPU; the whole checkpoint must fit into its memory.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.load import _METADATA_FILENAME, _load_distributed_checkpoint
from torch.distributed.checkpoint.state_dict_saver import save as save_state

from lit_mstar.files import atomic
from lit_mstar.front.parsers import parser_of
from lit_mstar.training.resume import require_readable


def main(args: list[str]) -> None:
    """Converts one checkpoint to the other kind."""
    options = parser_of("convert").parse_args(args)
    convert(options.checkpoint, options.out)
    print(f"lit-mstar convert: {options.out}")


def convert(source: Path, target: Path) -> None:
    """Writes a folder's checkpoint to a file, or a file's to a folder.

    Raises:
        ValueError: If there is no checkpoint at `source`, `target` exists, or optimizer states have no names.
    """
    if target.exists():
        raise ValueError(f"{target} exists; give another --out, or remove it.")
    require_readable(source)
    with atomic(target) as partial:
        (_consolidate if source.is_dir() else _shard)(source, partial)


def _consolidate(source: Path, target: Path) -> None:
    checkpoint = _load_distributed_checkpoint(source)
    if "model" in checkpoint:  # FSDP1's name for it
        checkpoint["state_dict"] = checkpoint.pop("model")
    keys = sorted((key for key in checkpoint if re.fullmatch(r"optimizer_\d+", key)), key=lambda key: int(key[10:]))
    if keys:
        checkpoint["optimizer_states"] = [_complete(checkpoint.pop(key)) for key in keys]
    torch.save(checkpoint, target)


def _complete(state: dict[str, Any]) -> dict[str, Any]:
    return {"state": {}} | state  # an optimizer without state leaves none behind


def _shard(source: Path, target: Path) -> None:
    checkpoint = torch.load(source, map_location="cpu", mmap=True, weights_only=True)
    parts = {"state_dict": checkpoint.pop("state_dict")}
    for i, state in enumerate(checkpoint.pop("optimizer_states", [])):
        if any(isinstance(key, int) for group in state["param_groups"] for key in group["params"]):
            raise ValueError(f"{source}: optimizer {i} numbers its weights; only states by name can be sharded.")
        parts[f"optimizer_{i}"] = state
    target.mkdir(parents=True)
    save_state(parts, checkpoint_id=target, no_dist=True)
    torch.save(checkpoint, target / _METADATA_FILENAME)
