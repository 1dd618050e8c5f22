"""A model's tokenizer, image processor and chat template, as it was trained with them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from transformers import AutoImageProcessor, AutoProcessor, ProcessorMixin

from lit_mstar.encoding.architectures import Architecture
from lit_mstar.models.origin import Origin, clear_errors
from lit_mstar.models.text_only import TextProcessor

_OWN_FILE = "lit_mstar.json"  # what a model was trained with that Hugging Face's files do not say; saved with it


def load_processor(
    origin: Origin, chat_template: str | None, row: Architecture, trust_remote_code: bool
) -> ProcessorMixin:
    """Loads the processor of a model or of an adapter, which may come without one: its base's, then.

    Args:
        origin: Where they are.
        chat_template: One to take instead of the processor's own, as text or as a file.
        row: What the architecture needs.
        trust_remote_code: As in `Backbone`.

    Raises:
        ValueError: If there is no chat template, or a package that the processor needs is not installed.
    """
    own = origin.adapter is None or (origin.adapter / "tokenizer_config.json").is_file()
    path, auto = origin.path if own else origin.base, cast(Any, AutoProcessor)
    with clear_errors(path):
        processor = auto.from_pretrained(path, trust_remote_code=trust_remote_code)
    if not hasattr(processor, "tokenizer"):
        processor = TextProcessor(processor)
    _restore_image_backend(processor, path)
    if chat_template is not None:
        processor.chat_template = _text_of(chat_template)
    if getattr(processor, "chat_template", None) is None:
        like = f", for this model such as {row.chat_template!r}." if row.chat_template else "."
        raise ValueError(
            f"{path} has no chat template; give Backbone.chat_template, a file or the text: that of the model that it "
            f"was tuned from{like}"
        )
    return cast(ProcessorMixin, processor)


def save_processor(processor: Any, folder: Path, said: Mapping[str, Any]) -> None:
    """Writes a processor, and what is said to the model, into its folder."""
    processor.save_pretrained(folder)
    own = {**said, "image_backend": _image_backend(processor)}
    (folder / _OWN_FILE).write_text(json.dumps(own, indent=1))


def own_settings(path: str) -> dict[str, Any]:
    """What `save_processor` wrote beside the processor; empty for a model that others have made."""
    file = Path(path or "-") / _OWN_FILE
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def _restore_image_backend(processor: Any, path: str) -> None:
    """Takes the image code that the model was trained with: PIL's and torchvision's differ a little."""
    trained, found = own_settings(path).get("image_backend"), _image_backend(processor)
    if trained in (None, found) or found is None:
        return
    try:
        processor.image_processor = cast(Any, AutoImageProcessor).from_pretrained(path, backend=trained)
    except ImportError:
        warnings.warn(
            f"{path} was trained with images prepared by {trained}, which is not installed (pip install "
            f"'lit-mstar[{trained}]'); {found} prepares them a little differently.",
            stacklevel=3,
        )


def _image_backend(processor: Any) -> str | None:
    """Either "pil" or "torchvision"; None where the processor does not say."""
    return getattr(getattr(processor, "image_processor", None), "backend", None)


def _text_of(template: str) -> str:
    """A chat template, given as text or as a file."""
    if "{" in template:
        return template
    if not Path(template).is_file():
        raise ValueError(f"Backbone.chat_template is {template!r}, neither a file that is there nor a template.")
    return Path(template).read_text()
