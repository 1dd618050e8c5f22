"""Every check on every architecture; `nox -s models` writes docs/backbones.md from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from models.zoo import ZOO
from models.zoo.checks import CHECKS
from models.zoo.subject import Subject


def _torchvision() -> bool:
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):  # one that was built for another torch raises either
        return False
    return True


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Subject]:
    found: dict[str, Subject] = {}

    def subject(name: str) -> Subject:
        if name not in found:
            found[name] = Subject(ZOO[name], ZOO[name].save(tmp_path_factory.mktemp("zoo") / "model"))
        return found[name]

    return subject


# In CI: what can go wrong in more than one way has a model here; `nox -s models` takes all.
IN_CI = (
    "Idefics3, SmolVLM",
    "Qwen2.5-VL",
    "Qwen3-VL",
    "Qwen3.5",
    "GLM-4.1V",
    "Gemma 3",
    "LLaVA-1.5",
    "PaliGemma",
    "Mllama",
)
ALL_STAGES = ("Idefics3, SmolVLM", "Qwen3-VL")
ROWS = [
    pytest.param(
        name,
        check,
        marks=() if name in IN_CI and (check != "four stages" or name in ALL_STAGES) else pytest.mark.models,
    )
    for name in ZOO
    for check in CHECKS
]


@pytest.mark.parametrize(("name", "check"), ROWS)
def test_architecture(name: str, check: str, subjects: Callable[[str], Subject], tmp_path: Path):
    if ZOO[name].torchvision and not _torchvision():
        pytest.skip("its processor needs torchvision")
    if reason := ZOO[name].known.get(check):
        pytest.xfail(reason)
    CHECKS[check](subjects(name), tmp_path)
