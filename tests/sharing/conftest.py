"""What tests of sharing have in common: a small policy that knows its lessons, saved as a stage saves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.helpers import make_tiny_backbone
from support.taught import policy, taught

__all__ = ["policy", "taught"]

LORA = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}


@pytest.fixture(scope="session")
def lora() -> dict[str, Any]:
    return LORA


@pytest.fixture(scope="module")
def saved(taught: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The taught policy's folder, with a prompt of its own."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    backbone = make_tiny_backbone()
    backbone.prompt = "{question}{choices}"
    backbone.save(taught.model, folder)
    return folder
