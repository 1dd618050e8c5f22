"""Where a run goes on: the newest checkpoint that is whole.

A checkpoint can be cut off: Lightning writes it elsewhere and moves it, which is a copy where the temporary folder
lies on another disk, and a sharded one is many files. So the newest is looked at before it is trusted.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn

PREEMPTED = "preempted.ckpt"  # what SIGTERM leaves; newer than last.ckpt without anything being wrong
_SHARDED_HEAD, _SHARDED_INDEX = "meta.pt", ".metadata"  # Lightning's part of a sharded checkpoint; torch's


def defect(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, or None if it is whole; reads its index, not its tensors.

    Args:
        checkpoint: A file, or the folder of a sharded checkpoint.
    """
    index = checkpoint / _SHARDED_INDEX
    if why := _unreadable(checkpoint):
        return why
    if any(part.stat().st_mtime_ns > index.stat().st_mtime_ns for part in checkpoint.glob("*.distcp")):
        return f"parts newer than {_SHARDED_INDEX}: its overwriting was cut off"
    return None


def require_readable(checkpoint: Path) -> None:
    """Refuses what is no checkpoint, before anything is loaded for its sake.

    Times of files do not count as they do in `defect`: a user has named it, and a copy may have lost them.

    Raises:
        ValueError: With what is wrong with it.
    """
    if why := _unreadable(checkpoint):
        run = (checkpoint / "checkpoints").is_dir()
        also = f" To go on with the run in that folder: --out {checkpoint} --ckpt_path last." if run else ""
        raise ValueError(f"{checkpoint} is no checkpoint that can be used: {why}.{also}")


def _unreadable(checkpoint: Path) -> str | None:
    if not checkpoint.is_dir():
        return _file_defect(checkpoint, "state_dict")
    if missing := [name for name in (_SHARDED_HEAD, _SHARDED_INDEX) if not (checkpoint / name).is_file()]:
        cut = ": its writing was cut off" if len(missing) == 1 else ", which a sharded checkpoint has"
        return f"{' and '.join(missing)} missing{cut}"
    return _file_defect(checkpoint / _SHARDED_HEAD)


def _file_defect(file: Path, wanted: str | None = None) -> str | None:
    if not zipfile.is_zipfile(file):  # torch's format; the index stands at the end, so it is what a cut takes first
        return f"{file.name} is no whole file ({file.stat().st_size} bytes)"
    try:
        names = _read(file)
    except Exception as error:  # whatever the bytes provoke: the file is of no use
        kind = type(error).__name__
        if kind == "UnpicklingError":
            return f"{file.name} holds more than tensors and plain values, and is not unpickled (weights_only)"
        return f"{file.name} cannot be read ({kind})"
    return None if wanted is None or wanted in names else f"{file.name} has no {wanted}: it is not Lightning's"


def _read(file: Path) -> dict[str, Any]:
    return dict(torch.load(file, map_location="cpu", weights_only=True, mmap=True))


def newest_whole(folders: Iterable[Path]) -> tuple[Path | None, dict[Path, str]]:
    """The checkpoint written last among those that are whole, and those passed over, each with its defect.

    Equally old ones (a copy of a run may have lost the times) are told apart by their number of steps.
    """
    found = [path for folder in folders for path in folder.glob("*.ckpt") if path.exists()]
    ages: dict[int, list[Path]] = {}
    for path in found:
        ages.setdefault(_written(path), []).append(path)
    passed: dict[Path, str] = {}
    for age in sorted(ages, reverse=True):
        defects = {path: defect(path) for path in sorted(ages[age])}
        passed |= {path: why for path, why in defects.items() if why}
        if whole := [path for path, why in defects.items() if not why]:
            return max(whole, key=_steps) if len(whole) > 1 else whole[0], passed
    return None, passed


def _written(checkpoint: Path) -> int:
    head = checkpoint / _SHARDED_HEAD
    return (head if head.is_file() else checkpoint).stat().st_mtime_ns


def _steps(checkpoint: Path) -> int:
    return int(_read(checkpoint / _SHARDED_HEAD if checkpoint.is_dir() else checkpoint).get("global_step", 0))


def checkpoint_folders(trainer: Trainer) -> list[Path]:
    """Where the trainer's checkpoint callbacks keep their files."""
    logger = trainer.logger
    home = Path(trainer.default_root_dir)
    if logger is not None and logger.save_dir is not None:  # as Lightning chooses it
        version = logger.version if isinstance(logger.version, str) else f"version_{logger.version}"
        home = Path(logger.save_dir) / str(logger.name) / version
    named = (getattr(callback, "dirpath", None) for callback in trainer.callbacks if isinstance(callback, Checkpoint))  # type: ignore[attr-defined]
    return list(dict.fromkeys(Path(folder) if folder else home / "checkpoints" for folder in named))


def resume_point(trainer: Trainer) -> str | None:
    """What `ckpt_path="last"` stands for; warns of checkpoints that it passes over, and says if there is none."""
    folders = checkpoint_folders(trainer)
    newest, passed = newest_whole(folders)
    places = ", ".join(map(str, folders)) or "none: no callback saves checkpoints"
    where = f"resuming from {newest}" if newest else "starting from the beginning"
    if passed:
        reasons = "; ".join(f"{path}: {why}" for path, why in passed.items())
        rank_zero_warn(f"Passed over what is not whole ({reasons}); {where}.")
    elif newest is None:
        rank_zero_info(f"There is no checkpoint yet (looked in {places}); {where}.")
    elif newest.name != PREEMPTED and _lacks_last(trainer, newest.parent):
        rank_zero_warn(f"{newest.parent} has no last.ckpt; {where}.")
    return str(newest) if newest else None


def _lacks_last(trainer: Trainer, folder: Path) -> bool:
    return bool(getattr(trainer.checkpoint_callback, "save_last", None)) and not any(folder.glob("last*.ckpt"))
