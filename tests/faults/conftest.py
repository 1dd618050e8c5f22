from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from support.small_stage import Start, launch


@pytest.fixture(scope="session")
def start(tiny_folder: Path) -> Start:
    """Starts the stage in a folder, with faults, and gives its process."""
    return partial(launch, tiny_folder)


@pytest.fixture(scope="session")
def finished(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a stage to which nothing happened."""
    run = tmp_path_factory.mktemp("finished") / "run"
    process = start(run)
    output, _ = process.communicate()
    assert process.returncode == 0, output[-3000:]
    return run
