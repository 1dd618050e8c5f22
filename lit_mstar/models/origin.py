"""Where a model comes from: a folder or a name on the hub, of whole weights or of an adapter on others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    GenerationConfig,
    PreTrainedConfig,
)

from lit_mstar.files import first_line, missing_input

_ADAPTER = "adapter_config.json"


@dataclass(frozen=True)
class Origin:
    """A model's path, taken apart.

    Args:
        path: As the user gave it.
        base: The folder or name of the whole weights.
        adapter: The folder of the adapter on these, or None.
    """

    path: str
    base: str
    adapter: Path | None = None

    @classmethod
    def of(cls, path: str) -> Origin:
        """Finds out what a path holds.

        Raises:
            ValueError: If it is a local folder that is not there, or an adapter whose base is not.
        """
        require_path(path)
        file = Path(path) / _ADAPTER
        if not file.is_file():
            return cls(path, path)
        base = str(json.loads(file.read_text()).get("base_model_name_or_path") or "")
        if not base:
            raise ValueError(f"{file} names no base model; write into base_model_name_or_path what it was trained on.")
        try:
            require_path(base)
        except ValueError as error:
            raise ValueError(f"{path} is an adapter on {base}, which is not there: {error}") from error
        return cls(path, base, file.parent)

    def config(self, trust_remote_code: bool) -> PreTrainedConfig:
        """The configuration of the base; no weights are read."""
        with clear_errors(self.base):
            config: PreTrainedConfig = AutoConfig.from_pretrained(self.base, trust_remote_code=trust_remote_code)
        return config

    def generation_config(self) -> GenerationConfig | None:
        """How the checkpoint's makers sample from it, and where it stops; None where it does not say.

        Some say at what temperature, and that nothing is drawn: transformers reads such a file, but refuses to write
        it, which would end a run when its model is saved.
        """
        try:
            found = GenerationConfig.from_pretrained(self.base)
        except OSError:
            return None
        try:
            found.validate(strict=True)  # type: ignore[no-untyped-call]
        except ValueError:
            found.do_sample = True
        return found

    def stops(self, trust_remote_code: bool) -> list[int]:
        """Tokens at which the checkpoint says that generation stops; empty where it does not say."""
        generation, config = self.generation_config(), self.config(trust_remote_code)
        sources = (generation, config, config.get_text_config()) if generation is None else (generation,)
        found = next((ids for x in sources if (ids := getattr(x, "eos_token_id", None)) is not None), None)
        return [int(i) for i in (found if isinstance(found, list) else [found]) if i is not None]

    def local(self) -> Path:
        """The base's folder, whose weights are fetched if they are not there yet."""
        patterns = ["*.json", "*.safetensors", "*.py", "*.txt", "*.model", "*.jinja"]
        base = self.base
        return Path(base) if Path(base).is_dir() else Path(snapshot_download(base, allow_patterns=patterns))


def require_path(path: str) -> None:
    """Refuses a local folder that is not there, or has no model in it; a name on the hub has at most one slash.

    Raises:
        ValueError: With what to do.
    """
    folder = Path(path)
    if any((folder / name).is_file() for name in ("config.json", _ADAPTER)):
        return
    # "models/qwen" is meant as a folder where "models" is one: nobody on the hub is asked for it.
    on_hub = path.count("/") == 1 and not path.startswith((".", "/", "~")) and not folder.parent.is_dir()
    if folder.exists() or not (on_hub or ("/" not in path and path)):
        raise ValueError(missing_input(path, "a model folder (no config.json in it)"))


@contextmanager
def clear_errors(path: str) -> Iterator[None]:
    """Turns long errors into one line: of files that hold no model, of a hub that lacks it or cannot be reached.

    Raises:
        ValueError: With what is missing, and what to do.
    """
    try:
        yield
    except ImportError as error:
        raise ValueError(f"{path}: {first_line(error)} {_extra(str(error))}".strip()) from error
    except Exception as error:  # whatever the files provoke
        if type(error) in (ValueError, torch.OutOfMemoryError, MemoryError):  # transformers' advice; no fault of files
            raise
        if Path(path).exists() or not isinstance(error, OSError):
            raise ValueError(
                f"{path} cannot be loaded: {first_line(error).rstrip('.:!')}. Are its files whole?"
            ) from error
        raise ValueError(
            f"{path} is no folder here, nor could it be read from the hub ({first_line(error)}); correct "
            "Backbone.path, or download the model first."
        ) from error


def auto_class(config: Any, head: bool) -> Any:
    """The class of transformers that loads a configuration's model.

    Args:
        config: The model's.
        head: With the language-model head; without, the model ends in hidden states.
    """
    if not head:
        return AutoModel
    known = (AutoModelForImageTextToText, AutoModelForCausalLM)
    remote = getattr(config, "auto_map", None) or {}
    for auto in known:
        if type(config) in auto._model_mapping or auto.__name__ in remote:
            return auto
    return AutoModel if "AutoModel" in remote else AutoModelForImageTextToText


def _extra(message: str) -> str:
    """Which extra of this package brings what a processor asks for."""
    needs = {"num2words": "smolvlm", "torchvision": "torchvision", "bitsandbytes": "quantization"}
    found = next((extra for name, extra in needs.items() if name in message.lower()), None)
    return f"Install it: pip install 'lit-mstar[{found}]'." if found else ""
