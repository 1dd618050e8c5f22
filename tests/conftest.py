"""What many tests share: one thread, a tiny untrained model, a few problems."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: several processes with more would slow each other down

import signal
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from lit_mstar import Backbone, Problem, TinyBackbone
from lit_mstar.data import DigitsSource
from support.evolution import Evolution
from support.helpers import make_tiny_backbone
from support.scripted import make_prm

settings.register_profile("no-deadline", deadline=None)  # a deadline would be a timed assertion
settings.load_profile("no-deadline")

# A shell's background job ignores Ctrl-C, as would all that it starts: tests that press it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first, so that two workers end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


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


@pytest.fixture
def evolution(tmp_path: Path) -> Evolution:
    return Evolution(tmp_path)
