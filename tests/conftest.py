"""What many tests share: one thread, a tiny untrained model, a few problems."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import make_tiny_backbone
from hypothesis import settings
from scripted import make_prm

from lit_mstar import Backbone, Problem, TinyBackbone
from lit_mstar.data import DigitsSource

settings.register_profile("no-deadline", deadline=None)  # a deadline would be a timed assertion
settings.load_profile("no-deadline")


@pytest.fixture(autouse=True)
def _deterministic() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


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
def prm_folder(tmp_path: Path) -> str:
    return make_prm(tmp_path / "prm")


@pytest.fixture
def digits() -> DigitsSource:
    return DigitsSource(seed=12, train=12, validate=6, test=6)


@pytest.fixture
def problems(digits: DigitsSource) -> list[Problem]:
    return digits.problems("train")
