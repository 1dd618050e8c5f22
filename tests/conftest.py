"""What many tests share: one thread, a tiny untrained model, a few problems."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from lit_mstar import Backbone, Problem, TinyBackbone
from lit_mstar.data import DigitsSource

CORPUS = [
    "What is the sum of the two digits?",
    "Step 1: The first digit is 3.\nStep 2: The second digit is 4.\nStep 3: 3 + 4 = 7.\nAnswer: 7",
] * 2


@pytest.fixture(autouse=True)
def _deterministic() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def make_tiny_backbone(**sizes: int) -> TinyBackbone:
    """A backbone of a few thousand weights."""
    small = {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "intermediate_size": 64, "vision_size": 32}
    return TinyBackbone(corpus=CORPUS, **(small | {"vision_layers": 1} | sizes))


@pytest.fixture
def tiny_backbone() -> TinyBackbone:
    return make_tiny_backbone()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder with a tiny random model and its processor."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny") / "model"
    backbone = make_tiny_backbone()
    backbone.save(backbone.load_model(), folder)
    return folder


@pytest.fixture
def folder_backbone(tiny_folder: Path) -> Backbone:
    return Backbone(str(tiny_folder))


@pytest.fixture
def digits() -> DigitsSource:
    return DigitsSource(seed=12, train=12, validate=6, test=6)


@pytest.fixture
def problems(digits: DigitsSource) -> list[Problem]:
    return digits.problems("train")


def png(width: int = 8, height: int = 8, color: tuple[int, int, int] = (255, 0, 0)) -> bytes:
    """A one-coloured PNG file."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), color).save(buffer, format="PNG")
    return buffer.getvalue()
