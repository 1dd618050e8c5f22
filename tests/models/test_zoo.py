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


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ZOO)
def test_architecture(name: str, check: str, subjects: Callable[[str], Subject], tmp_path: Path):
    if ZOO[name].torchvision and not _torchvision():
        pytest.skip("its processor needs torchvision")
    if reason := ZOO[name].known.get(check):
        pytest.xfail(reason)
    CHECKS[check](subjects(name), tmp_path)
