"""What `--ckpt_path` may be where a model is only measured: a checkpoint, a model's folder, a hub's name, a URL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from lit_mstar.front.recipe import read_config

_KEPT = ("dtype", "attn_implementation", "trust_remote_code", "quantization", "prompt", "system", "template")
_BACKBONE = "lit_mstar.models.backbone.Backbone"


def point_at(config: Namespace) -> None:
    """Changes a subcommand's config so that it measures what `ckpt_path` names.

    A Hugging Face folder, an adapter or a name on the hub becomes the backbone's path; of a stage's folder, its
    `model`. A checkpoint stays one, and where the config has no backbone, it gets that of the run that saved it. A URL
    becomes a `ChatServerSampler`.

    Args:
        config: Of `validate`, `test` or `predict`, parsed.

    Raises:
        ValueError: If it is none of these.
    """
    given = config.get("ckpt_path")
    if not isinstance(given, str) or given in ("best", "last", "hpc", "registry"):
        return
    options = config.model.init_args
    if str(config.model.class_path).endswith("ScorerModule"):
        config.ckpt_path, options.scorer = None, given
        return
    if re.match(r"https?://", given) and not given.endswith(".ckpt"):  # Lightning fetches checkpoints
        if not str(config.model.class_path).endswith("BenchmarkModule"):
            raise ValueError(
                f"{given} is a server, which can be asked benchmarks: --config configs/benchmarks/all.yaml."
            )
        config.ckpt_path = None
        own = options.get("sampler")
        if own is None or not str(own.class_path).endswith("ChatServerSampler"):
            options.sampler = _described("lit_mstar.samplers.ChatServerSampler", {})
        options.sampler.init_args["url"] = given
        options.backbone = None
    elif folder := _model_folder(given):
        config.ckpt_path = None
        options.backbone = _backbone(folder, options.get("backbone"))
    elif options.get("backbone") is None:
        options.backbone = _backbone_of_run(Path(given))


def unpointed(config: Namespace) -> str:
    """What is measured without `ckpt_path`, which is seldom what is wanted."""
    backbone = config.model.init_args.get("backbone")
    path = backbone.init_args.get("path") if backbone is not None and "init_args" in backbone else None
    folder = config.trainer.get("default_root_dir")
    said = f"Without --ckpt_path, the model that training begins with is measured ({path or 'as the config says'})."
    trained = folder and Path(folder, "model").exists()
    return f"{said} What this config has trained: --ckpt_path {folder}." if trained else said


def _model_folder(given: str) -> str | None:
    """The Hugging Face folder or name that is meant; None for a checkpoint."""
    if "://" in given:
        return None
    path = Path(given)
    for folder in (path, path / "model"):
        if (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file():
            return str(folder)
    if path.exists():
        if path.is_dir() and not (path / ".metadata").exists():
            raise ValueError(f"{given} holds no model: neither config.json, nor adapter_config.json, nor a checkpoint.")
        return None
    if re.fullmatch(r"[\w.-]+/[\w.-]+", given) and path.suffix != ".ckpt" and not path.parent.exists():
        return given  # on the hub
    raise ValueError(f"--ckpt_path {given} does not exist; give a checkpoint, a model's folder, or a server's URL.")


def _backbone(path: str, described: Any) -> Namespace:
    """The backbone at a path, loaded as the config says where that is about any model."""
    before = described.get("init_args") if described is not None else None
    kept = {name: before[name] for name in _KEPT if name in before} if before and _is_plain(described) else {}
    return _described(_BACKBONE, {"path": path} | kept)


def _described(class_path: str, options: dict[str, Any]) -> Namespace:
    arguments = Namespace(**options)  # type: ignore[no-untyped-call]
    return Namespace(class_path=class_path, init_args=arguments)  # type: ignore[no-untyped-call]


def _is_plain(described: Any) -> bool:
    return str(described.class_path).rpartition(".")[2] == "Backbone"


def _backbone_of_run(checkpoint: Path) -> Any:
    """What the run that saved a checkpoint says its model is.

    Raises:
        ValueError: If its config is not there.
    """
    for folder in checkpoint.resolve().parents[:2]:
        if (file := folder / "config.yaml").is_file():
            described = read_config(file)["model"]["init_args"]["backbone"]
            return _described(described["class_path"], described.get("init_args", {}))
    raise ValueError(f"{checkpoint} has no config.yaml beside it; name the model by model.init_args.backbone, too.")
