"""What travels through Ray's object store, once to each node: images, weights, a model's folder."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from lit_mstar.cluster.connection import fetch
from lit_mstar.cluster.worker import Parcel
from lit_mstar.encoding.prompt_memory import Recent
from lit_mstar.rollouts.identity import digest, image_digest
from lit_mstar.rollouts.images import image_bytes
from lit_mstar.rollouts.nouns import Problem

_CHUNK = 2**29  # bytes of weights in an object, ours: what is copied at a time


class Images:
    """Puts images into the object store, each once, as long as there is room.

    Args:
        limit: Bytes that are kept; what was asked for longest ago is forgotten first.
    """

    def __init__(self, limit: int) -> None:
        self._kept = Recent(limit)

    def pack(self, problem: Problem, also: Any = None) -> Parcel:
        """A problem as it travels, and what comes with it."""
        return Parcel((replace(problem, images=()), also), tuple(self._put(image) for image in problem.images))

    def _put(self, image: str | bytes) -> Any:
        import ray

        key = image_digest(image)
        if (found := self._kept.get(key)) is None:
            content = image_bytes(image)
            found = ray.put(content)
            self._kept.put(key, found, len(content))
        return found


class PackedProblems(Sequence[Parcel]):
    """Problems that are packed when their turn comes.

    Args:
        images: Where their images are put.
        problems: In the order in which they are to be taken.
        also: What comes with each, if anything does.
    """

    def __init__(self, images: Images, problems: Sequence[Problem], also: Sequence[Any] | None = None) -> None:
        self.images = images
        self.problems = problems
        self.also = also

    def __len__(self) -> int:
        return len(self.problems)

    @overload
    def __getitem__(self, index: int) -> Parcel: ...
    @overload
    def __getitem__(self, index: slice) -> list[Parcel]: ...
    def __getitem__(self, index: int | slice) -> Parcel | list[Parcel]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self.images.pack(self.problems[index], self.also[index] if self.also else None)


def unpack(parcels: Sequence[Parcel]) -> tuple[list[Problem], list[Any]]:
    """The problems, and what came with them, in an actor."""
    problems = [replace(parcel.content[0], images=parcel.store) for parcel in parcels]
    return problems, [parcel.content[1] for parcel in parcels]


def put_tensors(tensors: Iterable[tuple[str, Tensor]]) -> list[Any]:
    """Puts named tensors into the object store, a few hundred megabytes an object; returns Ray's references."""
    import ray

    refs: list[Any] = []
    part: dict[str, tuple[np.ndarray[Any, Any], str, list[int]]] = {}
    size = 0
    for name, tensor in tensors:
        flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)  # numpy has no bfloat16
        part[name] = flat.numpy(), str(tensor.dtype).removeprefix("torch."), list(tensor.shape)
        size += flat.numel()
        if size >= _CHUNK:
            refs.append(ray.put(part))
            part, size = {}, 0
    return [*refs, ray.put(part)] if part else refs


def get_tensors(refs: Sequence[Any]) -> Iterator[tuple[str, Tensor]]:
    """Yields named tensors in memory that all actors of the node share; nobody may write to them."""
    for ref in refs:
        for name, (flat, dtype, shape) in fetch(ref).items():
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
                yield name, torch.from_numpy(flat).view(getattr(torch, dtype)).view(shape)


def put_folder(folder: Path) -> dict[str, Any]:
    """Puts a folder's files into the object store: what there is (names and sizes), and a reference of each."""
    import ray

    return {name: (size, ray.put((folder / name).read_bytes())) for name, size in _listing(folder).items()}


def place_folder(path: str, files: Mapping[str, Any], bases: Mapping[str, str] | None = None) -> str:
    """Where a node has a folder: there, where its files are, or a copy, made once per node.

    Args:
        path: Where the driver has it.
        files: What `put_folder` said.
        bases: Where base models lie that an adapter's configuration names.
    """
    if _listing(Path(path)) == {name: size for name, (size, _) in files.items()}:
        return path
    moved = {old: new for old, new in (bases or {}).items() if old != new}
    target = _private_folder() / digest((path, moved, [ref.hex() for _, ref in files.values()]))[:16]
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            for file, (_, ref) in files.items():
                (Path(scratch) / file).parent.mkdir(parents=True, exist_ok=True)
                (Path(scratch) / file).write_bytes(_rebased(file, fetch(ref), moved))
            with suppress(OSError):  # another actor of the node was faster
                os.rename(scratch, target)
                os.mkdir(scratch)  # for its own removal
    return str(target)


def _private_folder() -> Path:
    """A folder for copies that only this user can write to.

    Raises:
        PermissionError: If somebody else has made it.
    """
    folder = Path(tempfile.gettempdir()) / f"lit-mstar-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat(follow_symlinks=False)
    if status.st_uid != os.getuid() or status.st_mode & 0o022 or folder.is_symlink():
        raise PermissionError(f"{folder} can be written to by others; remove it.")
    return folder


def _listing(folder: Path) -> dict[str, int]:
    """The files of a folder and their sizes."""
    files = sorted(file for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else []
    return {str(file.relative_to(folder)): file.stat().st_size for file in files}


def _rebased(file: str, content: bytes, moved: Mapping[str, str]) -> bytes:
    """An adapter's configuration with the place where its base lies here; any other file as it is."""
    if Path(file).name != "adapter_config.json":
        return content
    settings = json.loads(content)
    base = settings.get("base_model_name_or_path")
    return json.dumps(settings | {"base_model_name_or_path": moved.get(base, base)}).encode()
